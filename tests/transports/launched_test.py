"""Ranks that mpirun starts: they find each other by PMIx, say who has died, and leave nothing behind.

Usage: launched_test.py PROGRAM. Exits with 77 where mpirun is missing or the program is built without PMIx.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = sys.argv.pop(1)
LAUNCHER = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
NAME = r"rank {} \(host \S+, pid \d+\)"


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PMIX_", "OMPI_", "PMI_", "SLURM_"))}
    # Open MPI looks for ssh even where all ranks are here.
    return {"OMPI_MCA_plm_rsh_agent": "/bin/true"} | kept | more


def run(ranks, *arguments, drill="", **more):
    """What mpirun returned, the program's lines on standard error, and for how many seconds it ran."""
    start = time.monotonic()
    more |= {"RINGFOLD_DRILL": drill} if drill else {}
    done = subprocess.run(
        LAUNCHER + ["-n", str(ranks), PROGRAM, *arguments],
        env=environment(**more), stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr, time.monotonic() - start


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Launched(unittest.TestCase):
    def assert_named(self, text, victim, ranks, pattern):
        """All survivors have said so, and rank 0, if it is one, has written what it had to."""
        self.assertNotIn("interrupted", text)
        for rank in range(ranks):
            if rank != victim:
                self.assertRegex(text, f"(?m)^{rank}: code {pattern}")
        self.assertEqual(victim != 0, "written\n" in text)

    def test_ranks_meet(self):
        for ranks in (1, 2, 5):
            code, text, _ = run(ranks, "3")
            self.assertEqual((code, text), (0, f"world of {ranks}\nwritten\n"))

    def test_no_launcher(self):
        done = subprocess.run([PROGRAM], env=environment(), stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, "no launcher\n"))

    def test_launcher_without_pmix(self):
        for variable, advice in (("SLURM_STEP_NUM_TASKS", "use srun --mpi=pmix"), ("PMI_SIZE", "mpirun of Open MPI")):
            done = subprocess.run(
                [PROGRAM], env=environment(**{variable: "4"}), stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 4)
            self.assertRegex(done.stderr, f"^outside 4: started by .* as one of 4 processes, but .*{advice}.*\n$")

    def test_half_a_launcher(self):
        done = subprocess.run(
            [PROGRAM], env=environment(PMIX_RANK="1"), stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, "^outside 4: PMIX_RANK is set, but not PMIX_NAMESPACE.*\n$")

    def test_silent_server(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            uri = f"a.0;tcp4://127.0.0.1:{server.getsockname()[1]}"
            uris = {f"PMIX_SERVER_URI{version}": uri for version in ("2", "21", "3", "4", "41")}
            done = subprocess.run(
                [PROGRAM], env=environment(PMIX_RANK="0", PMIX_NAMESPACE="a", **uris), stderr=subprocess.PIPE, text=True,
                timeout=30, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertRegex(done.stderr, "^outside 4: started by a launcher whose PMIx server has not answered for 10 s\n$")

    def test_killed_in_a_collective(self):
        for victim, deed in ((2, "SIGKILL"), (0, "SIGSEGV"), (1, "exit")):
            code, text, seconds = run(4, "500", drill=f"rank={victim} at=merge:5 do={deed}")
            self.assertNotEqual(code, 0)
            self.assert_named(text, victim, 4, f"7: {NAME.format(victim)} has died.*rank . waits for rank {victim} in ")
            self.assertLess(seconds, 10)

    def test_killed_at_the_rendezvous(self):
        for victim in (0, 2):
            code, text, seconds = run(4, drill=f"rank={victim} at=rendezvous do=SIGKILL")
            self.assertNotEqual(code, 0)
            # The last one to come may die when the others go on already.
            self.assertRegex(text, f"(?m)^(outside|[0-9]: code) 7: {NAME.format(victim)} has died")
            self.assertLess(seconds, 10)

    def test_killed_before_the_rendezvous(self):
        for victim, deed in ((0, "SIGKILL"), (0, "exit"), (2, "SIGKILL"), (2, "SIGSEGV")):
            with self.subTest(victim=victim, deed=deed):
                code, text, _ = run(4, drill=f"rank={victim} at=launch do={deed}")
                self.assertNotEqual(code, 0)
                said = re.findall(r"(?m)^outside .*", text)
                self.assertEqual(len(said), 3, text)
                for line in said:
                    self.assertRegex(line, f"^outside 7: {NAME.format(victim)} has died before the rendezvous; rank . waits for ")

    def test_killed_before_it_could_say_who_it_is(self):
        for victim in (0, 1):
            with self.subTest(victim=victim):
                programs = [["-n", "1", PROGRAM], ["-n", "1", "sh", "-c", "kill -9 $$"]]
                done = subprocess.run(
                    LAUNCHER + programs[1 - victim] + [":"] + programs[victim],
                    env=environment(), stderr=subprocess.PIPE, text=True, timeout=60, check=False)
                self.assertRegex(done.stderr, rf"(?m)^outside 7: rank {victim} \(host \S+, pid unknown: .*it has died, unless")

    def test_stopped(self):
        code, text, _ = run(4, "500", "1500", drill="rank=1 at=merge:5 do=SIGSTOP")
        self.assertEqual(code, 6)
        self.assert_named(text, 1, 4, f"6: {NAME.format(1)} gives no sign of life .*rank 3 waits for rank 1 in barrier")

    def test_missing_at_the_rendezvous(self):
        code, text, _ = run(3, "1", "1500", drill="rank=0 at=rendezvous do=SIGSTOP")
        self.assertIn(code, (6, 7))  # rank 0, continued in order to be ended, sees the others go
        self.assertRegex(text, f"(?m)^outside 6: {NAME.format(0)} does not answer at the rendezvous")

    def test_drill_that_cannot_be_read(self):
        code, text, _ = run(2, drill="rank=0 at=merge do=nothing")
        self.assertEqual(code, 2)
        self.assertIn("outside 2: RINGFOLD_DRILL: do is one of ", text)

    def test_dead_launcher(self):
        with subprocess.Popen(
                LAUNCHER + ["-n", "3", PROGRAM, "100000"], env=environment(), stderr=subprocess.PIPE, text=True) as launcher:
            self.assertEqual(launcher.stderr.readline(), "world of 3\n")
            children = subprocess.run(
                ["ps", "--no-headers", "-o", "pid", "--ppid", str(launcher.pid)],
                stdout=subprocess.PIPE, text=True, check=True).stdout.split()
            self.assertEqual(len(children), 3)
            launcher.send_signal(signal.SIGKILL)
            end = time.monotonic() + 5
            while any(is_running(pid) for pid in children) and time.monotonic() < end:
                time.sleep(0.05)
            self.assertEqual([pid for pid in children if is_running(pid)], [])


def reason_to_skip():
    if shutil.which("mpirun") is None:
        return "no mpirun"
    code, text, _ = run(1)
    found = re.search(r"built without PMIx", text)
    return "built without PMIx" if code == 4 and found else ""


if __name__ == "__main__":
    reason = reason_to_skip()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=1)
