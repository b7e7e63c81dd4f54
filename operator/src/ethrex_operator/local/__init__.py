"""
Workloads as processes of this machine: started, watched, brought back, ended, and found again after a crash.

All of it lies in one folder: ``data`` (volumes), ``files``, ``logs``, ``results`` (what tasks said), ``state`` (which process
is which). Only one supervisor at a time has the folder; the processes outlive it if it is killed, and the next one takes
them over.
"""
