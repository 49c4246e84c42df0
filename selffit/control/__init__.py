"""Durable commands to a running trainer, each applied exactly once or refused with a reason.

Never imports torch. A viewer makes a command (`commands`) and puts it into the inbox (`submit`).
The trainer polls (`inbox`), asks the log what is known (`ledger`), decides (`admission`), writes
the decision down (`lines`), and only then acts. After a crash it makes the same changes at the same
steps again (`replay`). Policies (`policy`) speak in the same commands.
"""
