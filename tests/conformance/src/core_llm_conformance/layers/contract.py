"""The contract layer: what holds of a plugin before anything is answered to it. The checks are in `contract`."""

from __future__ import annotations

from core_llm_conformance.base import SuiteBase
from core_llm_conformance.contract import (
    broken_frames,
    declaration,
    hooks,
    imports,
    keys,
    options,
    other_calls,
    packaging,
    purity,
    refusals,
    sources,
    state,
    typed,
    well_formed,
)
from core_llm_conformance.contract.sources import PluginModule
from core_llm_conformance.each import each
from core_llm_conformance.target import Target


class ContractTests(SuiteBase):
    """What a plugin says of itself, and what its code may do."""

    @each("plugin", sources.importable)
    def test_imports_lightly(self, plugin: PluginModule) -> None:
        """Importing the plugin brings no heavy library, no other plugin, and few modules."""
        imports.check_imports_lightly(plugin)

    @each("plugin", sources.importable)
    def test_import_has_no_side_effects(self, plugin: PluginModule) -> None:
        """Importing the plugin uses no network, starts, writes, prints and changes nothing."""
        imports.check_import_has_no_side_effects(plugin)

    @each("plugin", sources.installed)
    def test_registers_through_its_entry_point(self, target: Target, plugin: PluginModule) -> None:  # noqa: ARG002
        """The entry point of the provider's name leads to a module that offers it."""
        packaging.check_registers_through_its_entry_point(target)

    @each("plugin", sources.installed)
    def test_distribution_says_what_it_is(self, target: Target, plugin: PluginModule) -> None:  # noqa: ARG002
        """The distribution says which core and Python it is for, its licence, and has a README."""
        packaging.check_distribution_says_what_it_is(target)

    @each("plugin", hooks.hooked)
    def test_hooks_match_their_specs(self, plugin: PluginModule) -> None:
        """Every hook exists, takes the arguments of its specification, and answers what it says."""
        hooks.check_hooks_match_their_specs(plugin)

    def test_can_be_made(self, target: Target) -> None:
        """The provider can be made of its configuration, and as a named endpoint."""
        declaration.check_can_be_made(target)

    def test_declaration_is_consistent(self, target: Target) -> None:
        """What the provider declares is possible, and no part of it denies another."""
        declaration.check_declaration_is_consistent(target)

    def test_claimed_calls_are_there(self, target: Target) -> None:
        """Listing, counting and embedding are there if they are declared supported."""
        other_calls.check_claimed_calls_are_there(target)

    def test_options_are_described(self, target: Target) -> None:
        """Every option has a name and a sentence."""
        options.check_options_are_described(target)

    def test_options_are_checked(self, target: Target) -> None:
        """Unknown options are refused, and wrong values end in a ConfigError."""
        options.check_options_are_checked(target)

    def test_options_are_used(self, target: Target) -> None:
        """Every option changes something."""
        options.check_options_are_used(target)

    @each("plugin", sources.installed)
    def test_readme_names_what_users_set(self, target: Target, plugin: PluginModule) -> None:  # noqa: ARG002
        """The README names every option and every variable of the environment."""
        options.check_readme_names_what_users_set(target)

    @each("plugin", sources.importable)
    def test_is_typed(self, plugin: PluginModule) -> None:
        """The package has py.typed, and its public functions are annotated, without Any."""
        typed.check_is_typed(plugin)

    @each("wires", sources.speaking)
    def test_wire_imports_nothing_impure(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """No module of provider or wire imports sockets, clocks, chance, files or threads."""
        purity.check_wire_imports_nothing_impure(target)

    @each("wires", sources.speaking)
    def test_wire_is_pure(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """Encoding, decoding and signing use no socket, clock, chance, environment, file or thread."""
        purity.check_wire_does_nothing_impure(target)

    @each("wires", sources.speaking)
    def test_requests_are_well_formed(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """Every request has a method, a path, headers and a body that can be sent."""
        well_formed.check_requests_are_well_formed(target)

    @each("wires", sources.speaking)
    def test_encoding_is_repeatable(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """A request is encoded alike whenever and in whatever thread, and left as it was."""
        state.check_encoding_is_repeatable(target)

    @each("wires", sources.speaking)
    def test_decoders_are_independent(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """Two answers that are decoded in turns are what they are alone, made-up ids included."""
        state.check_decoders_are_independent(target)

    @each("wires", sources.speaking)
    def test_made_up_values_are_stable(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """What a decoder makes up for a missing field, an id say, is the same each time."""
        state.check_made_up_values_are_stable(target)

    @each("wires", sources.speaking)
    def test_wire_keeps_nothing_between_calls(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """Encoding and decoding change nothing of the plugin's modules, classes, provider and wire."""
        state.check_nothing_is_kept(target)

    @each("requests", keys.sending)
    def test_key_stays_out_of_the_address(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """The key is sent, in a header, and in no address and no body."""
        keys.check_key_stays_in_headers(target)

    @each("requests", keys.sending)
    def test_requests_go_to_the_configured_address(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """Every request goes to the base_url that is configured."""
        keys.check_requests_go_to_the_configured_address(target)

    @each("requests", keys.sending)
    def test_redirects_are_not_followed(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """A redirect is an error: the key goes to no other host."""
        keys.check_redirects_are_not_followed(target)

    @each("requests", keys.sending)
    def test_signing_is_pure(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """Signing depends on nothing but the request, the key and the time it is given."""
        keys.check_signing_is_pure(target)

    @each("requests", keys.sending)
    def test_fresh_token_is_used(self, target: Target, requests: object) -> None:  # noqa: ARG002
        """After a 401 the request is sent once more, signed with a fresh token."""
        keys.check_fresh_token_is_used(target)

    @each("feature", refusals.denied)
    def test_unsupported_raises_before_sending(self, target: Target, feature: str) -> None:
        """What is declared unsupported is refused by name, and nothing is sent."""
        refusals.check_unsupported_raises_before_sending(target, feature)

    @each("wires", sources.speaking)
    def test_garbage_is_no_answer(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """What is no answer of the wire is an error of the core's tree, never an empty success."""
        broken_frames.check_garbage_is_no_answer(target)

    @each("wires", sources.speaking)
    def test_error_of_any_shape_is_decoded(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """Whatever comes with an error's status, decode_error makes a StatusError of it."""
        broken_frames.check_error_of_any_shape_is_decoded(target)

    @each("wires", sources.speaking)
    def test_odd_fields_break_nothing(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """A field that is null, missing or of another type makes a malformed answer at worst."""
        broken_frames.check_odd_fields_break_nothing(target)

    @each("wires", sources.speaking)
    def test_fields_are_read_with_guards(self, target: Target, wires: object) -> None:  # noqa: ARG002
        """A field that is null or missing is passed over, or is an error with words of its own."""
        broken_frames.check_fields_are_read_with_guards(target)
