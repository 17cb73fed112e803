"""What the suite needs of others, put below ${XDG_CACHE_HOME:-~/.cache}/paimonfs-interop when it is asked for first: PyPaimon
in an environment of its own, and Flink with Paimon's connector, which brings Paimon Java. Each gives None, and says why on
standard error, when it cannot be had here."""
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

PYPAIMON, FLINK = "1.4.2", "2.0.2"
PEERS = pathlib.Path(__file__).resolve().parent / "peers"
HOME = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paimonfs-interop"
OPENED = ("lang net io nio lang.reflect text time util util.concurrent util.concurrent.atomic util.concurrent.locks")


def run(*words):
    done = subprocess.run([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(map(str, words[:3])), done.stderr.strip()[-600:]))


def lacks(what, why):
    print("%s is not to be had: %s" % (what, why), file=sys.stderr, flush=True)


def python():
    """An interpreter that has pypaimon."""
    venv = HOME / ("python-" + PYPAIMON)
    interpreter = venv / "bin/python"
    try:
        if not (venv / "ready").exists():
            shutil.rmtree(venv, ignore_errors=True)
            run(sys.executable, "-m", "venv", venv)
            run(interpreter, "-m", "pip", "install", "-q", "pypaimon==" + PYPAIMON, "backports.zstd")
            (venv / "ready").touch()
        return interpreter
    except OSError as error:
        return lacks("PyPaimon", error)


def jars():
    """Flink's and the connector's; a marker beside them says that they are all there, and by which list."""
    libraries, listed = HOME / ("flink-" + FLINK), (PEERS / "pom.xml").read_text()
    ready = libraries / "ready"
    if ready.exists() and ready.read_text() == listed:
        return libraries
    shutil.rmtree(libraries, ignore_errors=True)
    libraries.mkdir(parents=True)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", libraries,
        "apache-flink-libraries==" + FLINK)
    for archive in libraries.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            for member in tar:
                if "/deps/lib/" in member.name and member.name.endswith(".jar"):
                    member.name = os.path.basename(member.name)
                    tar.extract(member, libraries, filter="data")
        archive.unlink()
    run("mvn", "-q", "-B", "-f", PEERS / "pom.xml", "dependency:copy-dependencies", "-DoutputDirectory=%s" % libraries)
    ready.write_text(listed)
    return libraries


def flink():
    """The command that starts peers/FlinkPeer.java."""
    try:
        for program in ("java", "javac", "mvn"):
            if shutil.which(program) is None:
                raise OSError("there is no %s" % program)
        libraries = jars()
        source, classes = PEERS / "FlinkPeer.java", HOME / "classes"
        if not (classes / "FlinkPeer.class").exists() or \
                (classes / "FlinkPeer.class").stat().st_mtime < source.stat().st_mtime:
            classes.mkdir(exist_ok=True)
            run("javac", "-nowarn", "-d", classes, "-cp", "%s/*" % libraries, source)
    except OSError as error:
        return lacks("Flink", error)
    quiet = classes / "log4j2.properties"
    quiet.write_text("rootLogger.level = OFF\n")
    opens = ["--add-opens=java.base/java.%s=ALL-UNNAMED" % p for p in OPENED.split()]
    return ["java", "-Xmx1200m", "-XX:+UseSerialGC", "-Duser.timezone=UTC", "-Dlog4j.configurationFile=file:%s" % quiet,
            *opens, "-cp", "%s/*:%s" % (libraries, classes), "FlinkPeer"]
