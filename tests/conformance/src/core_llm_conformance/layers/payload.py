"""The payload layer: what a request says, by what changes when more is asked for. The checks are in `payload`."""

from __future__ import annotations

from core_llm_conformance.base import SuiteBase
from core_llm_conformance.contract.keys import sending
from core_llm_conformance.each import each
from core_llm_conformance.payload import choices, extras, forms, history, knobs, parts, told
from core_llm_conformance.payload.knobs import Knob
from core_llm_conformance.payload.parts import Marked
from core_llm_conformance.target import Target


class PayloadTests(SuiteBase):
    """What is asked for is what is sent."""

    @each("knob", knobs.declared_as("supported"))
    def test_setting_changes_the_request(self, target: Target, knob: Knob) -> None:
        """Each value of a setting that is declared supported changes the request."""
        knobs.check_setting_changes_the_request(target, knob)

    @each("knob", knobs.declared_as("unknown"))
    def test_undeclared_setting_is_not_dropped(self, target: Target, knob: Knob) -> None:
        """A setting of which nothing is declared is sent, or refused by name."""
        knobs.check_undeclared_setting_is_not_dropped(target, knob)

    @each("knob", knobs.declared_as("unsupported"))
    def test_denied_setting_is_not_sent(self, target: Target, knob: Knob) -> None:
        """A setting that is declared unsupported changes nothing of what is sent."""
        knobs.check_denied_setting_is_not_sent(target, knob)

    @each("requests", sending)
    def test_settings_have_fields_of_their_own(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """No two settings are sent as one field."""
        knobs.check_settings_have_fields_of_their_own(target)

    @each("requests", sending)
    def test_provider_options_are_merged(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """What a caller says in the provider's own words is in the body, over the wire's."""
        extras.check_provider_options_are_merged(target)

    @each("requests", sending)
    def test_other_providers_options_are_left_out(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """What a caller says to another provider is not sent to this one."""
        extras.check_other_providers_options_are_left_out(target)

    @each("requests", sending)
    def test_extra_headers_are_sent(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """The caller's headers are sent."""
        extras.check_extra_headers_are_sent(target)

    @each("requests", sending)
    def test_extra_query_is_sent(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """The caller's fields of the query are sent."""
        extras.check_extra_query_is_sent(target)

    @each("requests", sending)
    def test_model_is_named(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """The request names the model."""
        forms.check_model_is_named(target)

    @each("requests", sending)
    def test_stream_is_asked_for(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """A stream is asked for by another request than a plain answer."""
        forms.check_stream_is_asked_for(target)

    @each("choice", forms.choosable)
    def test_wire_can_be_chosen(self, target: Target, choice: str) -> None:
        """The option `wire` chooses the wire."""
        forms.check_wire_can_be_chosen(target, choice)

    @each("case", parts.marked)
    def test_every_part_is_sent(self, target: Target, case: Marked) -> None:
        """Every part of a conversation is in the request, in its order."""
        parts.check_every_part_is_sent(target, case)

    @each("feature", choices.choices)
    def test_choice_changes_the_request(self, target: Target, feature: str) -> None:
        """Every choice of a tool, or of a form of output, makes a request of its own."""
        choices.check_choice_changes_the_request(target, feature)

    @each("requests", sending)
    def test_foreign_state_is_not_sent(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """What another provider made opaque is not sent to this one."""
        history.check_foreign_state_is_not_sent(target)

    @each("tools", history.talking_tools)
    def test_cut_calls_are_not_sent(self, target: Target, tools: object) -> None:  # noqa: ARG002
        """A call of a tool that was cut off does not go back."""
        history.check_cut_calls_are_not_sent(target)

    @each("tools", history.talking_tools)
    def test_failed_tool_is_told(self, target: Target, tools: object) -> None:  # noqa: ARG002
        """The model is told that a tool failed."""
        history.check_failed_tool_is_told(target)

    @each("tools", history.talking_tools)
    def test_results_belong_to_their_calls(self, target: Target, tools: object) -> None:  # noqa: ARG002
        """The id in a tool's result is that of its call."""
        history.check_results_belong_to_their_calls(target)

    @each("tools", history.talking_tools)
    def test_results_are_exact(self, target: Target, tools: object) -> None:  # noqa: ARG002
        """The result of a tool is sent as it is, and be it empty."""
        told.check_results_are_exact(target)

    @each("role", told.roles)
    def test_roles_are_told(self, target: Target, role: str) -> None:
        """What the model and the system prompt say is not sent as if the user said it."""
        told.check_roles_are_told(target, role)

    @each("feature", told.kinds)
    def test_media_types_are_told(self, target: Target, feature: str) -> None:
        """A file is said to be of the media type that it is."""
        told.check_media_types_are_told(target, feature)
