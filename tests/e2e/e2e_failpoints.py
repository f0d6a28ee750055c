"""Each named failure point of the store, killed, EIO and ENOSPC: what was acknowledged must be
there after a restart, and no job may have failed of it.

In the end a defect is planted that the campaign must find: a rename that is left out, and said to
be done. --planted runs that alone, and so must fail.

Needs a build with -DVECMILL_FAILPOINTS=ON, told by TEST_FAILPOINTS=1 in the environment (ctest sets
it in such a build). TEST_DEEP=1 in the environment asks for every call of each kind, not each
fourth.
"""

import concurrent.futures
import http.client
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import ENDED, PATIENCE, Service, check, wait_until, zipf_text

TEXT = zipf_text(60000, words=300)
VECTORS = "".join("w%d 1.5 2.5 3.5\n" % i for i in range(9000))
POINTS = (
    "corpus.staged",
    "job.before_record",
    "job.before_publish",
    "job.published",
    "upload.before_record",
    "upload.commit",
    "upload.taken",
)
CALLS = ("file.fsync", "file.rename", "file.write")
ACTIONS = ("kill", "eio", "enospc")
PLANTED = "file.rename:skip@2"  # of an upload: the first is the content, the second its record


def provoke(s):
    """Upload, import, job, wait: until the failure. Returns what was acknowledged: the statuses of
    upload and import and the job's id."""
    upload = imported = job = None
    try:
        upload = s.put("/v1/corpora/d", TEXT).status
        imported = s.put("/v1/models/v/files/vectors.txt", VECTORS).status
        answer = s.post(
            "/v1/jobs",
            {"corpus": "c", "model": "m", "settings": dict(dim=8, epochs=2, min_count=1)},
        )
        check(answer.status in (202, 503, 507), answer)
        if answer.status == 202:
            job = answer.json["id"]
            # The processes of a job meet the failure again and again: it waits.
            wait_until(
                lambda: s.job(job)["state"] in ENDED + ("waiting",),
                lambda: "the job does not end",
            )
    except (OSError, http.client.HTTPException):
        pass  # killed
    return upload, imported, job


PART = b"one two three\n" * 50


def provoke_parts(s):
    """Where an upload in parts is, the offset that was promised of it, and what its end answered;
    each None where the service is not there any more, or refused."""
    where = offset = end = None
    try:
        fields = {"Upload-Complete": "?0", "Content-Type": "text/plain"}
        made = s.call("PUT", "/v1/corpora/p", b"", fields)
        check(made.status in (201, 503, 507), made)
        where = made.headers["Location"] if made.status == 201 else None
        if where:
            part = s.call("PATCH", where, PART, {"Upload-Offset": "0"})
            check(part.status in (204, 503, 507), part)
            offset = len(PART) if part.status == 204 else None
        if offset:
            last = {"Upload-Offset": str(offset), "Upload-Complete": "?1"}
            end = s.call("PATCH", where, b"", last).status
            check(end in (201, 503, 507), "the end of an upload answers", end)
    except (OSError, http.client.HTTPException):
        pass  # killed
    return where, offset, end


def check_parts(s, where, offset, end):
    if where is None:
        return
    head = s.call("HEAD", where)
    check(head.status == 200, "an upload in parts is lost", head)
    at = int(head.headers["Upload-Offset"])
    check(at in (0, len(PART)) and (offset is None or at == offset), "its bytes are lost", at)
    check(end != 201 or s.get("/v1/corpora/p").status == 200, "a corpus in parts is lost")
    last = {"Upload-Offset": str(at), "Upload-Complete": "?1"}
    answer = s.call("PATCH", where, PART[at:], last)
    check(answer.status == 201, "an upload does not end", answer)
    check(s.get("/v1/corpora/p/content").body == PART, "a corpus in parts is another one")


def scenario(spec):
    with Service("--retry-interval", "0.05", start=False) as s:
        s.start()
        check(s.put("/v1/corpora/c", TEXT).status == 201, "corpus")
        s.stop()
        upload = imported = job = None
        parts = (None, None, None)
        try:
            s.start(VECMILL_FAILPOINTS=spec)
            upload, imported, job = provoke(s)
            parts = provoke_parts(s)
        except AssertionError as error:
            check("does not start" in str(error), error)
        # Without a port it ended, or does so now.
        gone = s.port is None or s.process.poll() is not None
        code = s.process.wait(PATIENCE) if gone else s.stop()
        if "kill" in spec:  # the call may never have come
            check(code in (0, -9), "exit status", code, s.log())
        else:  # one failed call ends nothing but a start, and that with a reason
            check(code == (1 if s.port is None else 0), "exit status", code, s.log())
        s.start()
        check(upload in (None, 201, 503, 507), "upload is answered", upload)
        check(
            upload != 201 or s.get("/v1/corpora/d").status == 200, "an acknowledged corpus is lost"
        )
        check(imported in (None, 201, 503, 507), "import is answered", imported)
        check(
            imported in (None, 201) or s.get("/v1/models/v").status == 404,
            "half an import is served",
        )
        check(
            imported != 201 or s.get("/v1/models/v").status == 200,
            "an acknowledged import is lost",
        )
        if job is not None:
            s.wait(job, "succeeded")
            check(s.get("/v1/models/m").status == 200, "a published model is lost")
        check_parts(s, *parts)
        s.check_tidy()
        quarantine = os.path.join(s.data, "quarantine")
        check(not os.path.isdir(quarantine) or not os.listdir(quarantine), "something was damaged")


def outcome(spec):
    """What was wrong, or None."""
    try:
        scenario(spec)
    except Exception as error:  # one that fails must not stop the others
        return error
    return None


def main():
    if os.environ.get("TEST_FAILPOINTS") != "1":
        print("SKIPPED: TEST_FAILPOINTS=1 does not say that this build has failure points")
        return 77
    planted = outcome(PLANTED)
    if "--planted" in sys.argv:
        print("planted %s: %s" % (PLANTED, planted or "nothing was noticed"))
        return 1 if planted else 0
    step = 1 if os.environ.get("TEST_DEEP") else 4
    specs = ["%s:%s" % (point, action) for point in POINTS for action in ACTIONS]
    specs += [
        "%s:%s@%d" % (call, action, n)
        for call in CALLS
        for action in ACTIONS
        for n in range(1, 29, step)
    ]
    failed = 0
    if planted is None or "an acknowledged corpus is lost" not in str(planted):
        failed = 1
        print("FAIL  planted %s is not found: %s" % (PLANTED, planted))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # each mostly waits for its disk
        for spec, error in zip(specs, pool.map(outcome, specs)):
            if error is not None:
                failed += 1
                print("FAIL  %s: %s" % (spec, str(error)[:1000]), flush=True)
    print("%d failures provoked, %d not survived" % (len(specs), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
