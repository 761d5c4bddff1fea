"""A crowd of callers: the lean stand-in that `controller bench` measures against.

The simulator proper plays any conversation; a crowd plays one, a thousand times, and takes so
little of its core that what is measured is the service and not the load. It runs in a process of
its own (`python -m controller.simulator.crowd`), is told what to do in lines of JSON on standard
input, and answers in lines of JSON on standard output.
"""
