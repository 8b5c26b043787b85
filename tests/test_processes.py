import subprocess
import sys

import gain_plugin.processes

POOL = """
import multiprocessing, runpy, sys, time

def work():
    runpy.run_path(sys.argv[1])['end_with_parent']()
    print('begun', flush=True)
    time.sleep(600)

multiprocessing.get_context('fork').Process(target=work).start()
time.sleep(600)
"""


def test_a_process_ends_with_a_parent_that_is_killed():
    path = gain_plugin.processes.__file__
    with subprocess.Popen([sys.executable, '-c', POOL, path], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b'begun\n'
        parent.kill()
        parent.communicate(timeout=30)  # which ends when nobody is left that could write
