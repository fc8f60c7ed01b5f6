"""The stream queue: several streams as one; `stream_queue` for sync code, `async_queue` for async code."""
