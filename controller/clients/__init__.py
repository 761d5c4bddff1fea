"""What goes out: call control and sidebands at OpenAI, and the control socket of a running service.

A module here satisfies a port of `controller.calls.ports` and knows nothing of the others. Each
request has one total time limit, no retry of its own and follows no redirect: what to do about a
failure is decided by the call's machine, which sees it as an event.
"""
