"""A controller for phone calls that OpenAI's models answer.

A *call* here is one inbound SIP session offered to us, from the offer (a signed
`realtime.call.incoming` webhook) to its one outcome. `docs/glossary.md` defends each word.
"""

__version__ = "0.1.0"
