"""The core: every decision that the service takes, and none of its input or output.

Nothing in this package opens a socket, reads a clock, rolls dice, writes a log or knows asyncio;
the contracts in pyproject.toml keep it so. Bytes, headers and instants come in as arguments;
values go out. This is what the shell around it (`calls`, `handlers`, `clients`) owes it, and what
it promises.

The way of a delivery
=====================

1. The shell reads the **raw** body, under a size limit and a time limit, refuses any
   `Content-Encoding`, and passes `request.headers` and those bytes to `webhook.verify`. A body
   that was parsed and written again has another signature.
2. `webhook.verify` returns `Signed` or raises `SignatureError`; `webhook.parse` returns
   `CallOffered` or `Unhandled`, or raises `MalformedDelivery`. Neither raises anything else,
   whatever was sent. Both errors are answered 400. The shell never parses what it has not
   verified.
3. The shell keeps `webhook_id` and `(line, provider_id)` of what it has seen. The core remembers
   nothing.
4. `webhook.staleness` needs `queued`, the seconds from the arrival of the request to the claim, by
   a monotonic clock. It never compares OpenAI's clock with ours.
5. `incoming.read_incoming` turns the offer into an `IncomingCall`. It never raises: every header
   is hostile, and what cannot be read is said to be so (`Number.kind`, `CalledNumber.status`).
6. `policy.admit` decides, by the operator's rules and what the shell knows of its own state
   (`Load`). It does not count: an `Accept` names the shares that the call takes, which the shell
   reserves in one step, all or none. Where one has no room, the shell asks again with that in
   `Load.full`.

What is the same everywhere
===========================

- **Time** is an argument: `now` is Unix seconds as a float, which the shell advances monotonically
  within a process. A deadline is a return value, absolute, on the same scale.
- **What a remote party does wrong is data.** The exceptions are the two `DeliveryError` above,
  because nothing after them makes sense. Our own misuse of a machine raises `LocalProtocolError`.
- **Input is bounded before it is looked at,** and every function is linear in it. What is over a
  bound is dropped as a whole and never cut where it could still be read: half a telephone number
  is another telephone number.
- **`repr` is safe to log.** Secrets do not appear in it; telephone numbers with their last four
  digits; names, header values and what people said not at all. Fields hold the full values:
  logging a field is the shell's responsibility.
- **Values are frozen.** Two equal inputs give equal outputs.
"""
