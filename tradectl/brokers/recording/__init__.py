"""Record what the tasks of a session read from the broker, and answer the tasks of a replay from that record.

encoding         replies as JSON values, and back
file             the file of a session: append, read, compress, remove
recorder         the runs and steps of one process
broker           pass calls on, and note them
reading          the recording of a file, and what is missing in it
recorded_broker  answer a replayed run
"""
