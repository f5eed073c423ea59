"""paho-mqtt as client of a broker that is there already: conversations, and attempts that are to be refused.

Reads from its input a JSON list of jobs, in a folder with the certificates and with the file `large`. Prints
a line for each, `ok …` or `not ok …`, and in the end their numbers. Exit code 0 if all is well, 1 if not.
"""

import concurrent.futures
import json
import pathlib
import ssl
import sys

import paho.mqtt.client as mqtt
from first_steps import Report
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from session import NOT_AUTHORISED, Late, Session, Unanswered, tls_context

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
NOT_AUTHORISED_IN_5 = 135  # reason of a CONNACK
WORKERS = 4
LARGE = pathlib.Path("large")


class Wrong(Exception):
    """Something else came than was expected."""


class Talker(Session):
    """A client as a job wants it."""

    def __init__(self, job):
        tls = None
        if job["authority"]:
            shown = [f"{job['certificate']}.{end}" for end in ("crt", "key")] if job["certificate"] else []
            tls = tls_context(job["authority"], *shown)
        user, password = job["login"] or (None, None)
        version = VERSIONS[job["version"]]
        super().__init__(
            job["port"], job["websocket"], tls, user, password, host=job["host"], version=version
        )
        self.has_properties = version == mqtt.MQTTv5

    def received(self, _client, _data, message):
        self.messages.append(message)

    def listen(self, name, qos):
        """Returns when the broker has acknowledged the subscription."""
        _result, mid = self.client.subscribe(name, qos)
        self.wait(lambda: mid in self.done, "a SUBACK")

    def say(self, topic, payload, qos, retain=False, **properties):
        """Returns when the message is wholly the broker's, or on its way if of quality of service 0."""
        # paho-mqtt 1.6 loses a WebSocket frame that the socket does not take whole: here it waits.
        self.client.socket().setblocking(True)
        mid = self.client.publish(topic, payload, qos, retain, self.properties(properties)).mid
        self.client.socket().setblocking(False)
        self.wait(lambda: mid in self.done, "the end of a PUBLISH")

    def properties(self, values):
        if not self.has_properties:
            return None
        properties = Properties(PacketTypes.PUBLISH)
        for name, value in values.items():
            setattr(properties, name, value)
        return properties

    def expect(self, topic, payload, qos, retain=False, **properties):
        """The next message is this one."""
        self.wait(lambda: self.messages, topic)
        came = self.messages.pop(0)
        found = (came.topic, came.qos, came.retain)
        if found != (topic, qos, retain) or came.payload != payload:
            raise Wrong(f"{found} and {len(came.payload)} bytes came, not {(topic, qos, retain)}")
        expected = self.properties(properties)
        if expected and came.properties.json() != expected.json():
            raise Wrong(f"{topic} came with {came.properties.json()}, not {expected.json()}")

    def vanish(self):
        """The connection ends without a word."""
        self.client.socket().close()


def converse(job):
    base, qos = job["base"], job["qos"]
    described = {"ContentType": "text", "UserProperty": [("k", "v")], "PayloadFormatIndicator": 1}
    asking = {"ResponseTopic": f"{base}/answer", "CorrelationData": b"7"}
    answering = {"CorrelationData": b"7"}
    mortal = Talker(job)
    mortal.client.will_set(f"{base}/will", "gone", qos)
    with Talker(job) as reader:
        reader.listen(f"{base}/#", qos)
        with mortal:
            mortal.say(f"{base}/kept", b"hello", qos, True, **described)
            reader.expect(f"{base}/kept", b"hello", qos, **described)
            mortal.listen(f"{base}/kept", qos)
            mortal.expect(f"{base}/kept", b"hello", qos, True, **described)

            mortal.listen(f"{base}/answer", qos)
            mortal.say(f"{base}/ask", b"what", qos, **asking)
            reader.expect(f"{base}/ask", b"what", qos, **asking)
            reader.say(f"{base}/answer", b"that", qos, **answering)
            mortal.expect(f"{base}/answer", b"that", qos, **answering)
            reader.expect(f"{base}/answer", b"that", qos, **answering)

            if job["large"]:
                large = LARGE.read_bytes()
                mortal.say(f"{base}/large", large, qos)
                reader.expect(f"{base}/large", large, qos)
            mortal.vanish()
        reader.expect(f"{base}/will", b"gone", qos)


def be_refused(job):
    talker = Talker(job)
    refusal = NOT_AUTHORISED_IN_5 if talker.has_properties else NOT_AUTHORISED
    try:
        code = talker.connect()
    except ssl.SSLError as error:
        found = str(error)
    else:
        found = "not authorised" if code == refusal else f"answered by {code}"
    if job["refused"] not in found:
        raise Wrong(f"{found}; expected was {job['refused']}")


def work(job):
    """What went wrong with a job, if anything did."""
    try:
        if "refused" in job:
            be_refused(job)
        else:
            converse(job)
    except (Wrong, Unanswered, Late, OSError, ValueError) as error:
        return repr(error)
    return None


def main():
    jobs = json.load(sys.stdin)
    report = Report()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for job, why in zip(jobs, pool.map(work, jobs)):
            report.check(why is None, job["name"], why)
    print(f"{report.passed} ok, {report.failed} not ok")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
