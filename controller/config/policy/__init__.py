"""Who gets through: the tables of `controller.toml` about it, and what they become.

A table is read in two steps. Its *section* says what may stand in it, key by key. Then it is
resolved: names are looked up, secrets filled in, list files read, and what goes wrongly together is
told. The result is what `sansio.policy` decides by.

    numbers       telephone numbers and prefixes;  lists: files of them
    calendars     when somebody is there
    conditions    what a rule asks;  consequences: what becomes of a call;  rules: both, in order
    limits        of what there may only be so much
    emergencies   calls that must reach a human;  trunk: how the trunk's calls are known and read
    tables        all of them, as written;  resolving: all of them, resolved
"""
