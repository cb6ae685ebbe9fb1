"""What checks arguments when a DAG is parsed, for the ``argument_checks`` of operators and sensors, by step.

Each reads a value as the task does, and asks ``core``; a check of one argument is called with its name and value, one of several with the
values of all. No rule stands here, and ``core`` is imported where a check is asked for alone: a DAG's file does not pay for arguments that
it does not give.
"""
