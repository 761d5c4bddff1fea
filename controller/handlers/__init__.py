"""What comes in over HTTP: deliveries, questions about health, an operator's commands.

A handler reads and checks a request, asks one port of the layer below, and words the answer. It
knows no client, no store and no settings.
"""
