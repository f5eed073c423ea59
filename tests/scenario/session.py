"""MQTT clients that wait for answers and never for time to pass.

One thread drives a client only while it waits for something, so that the order of events is the order of
the connection: what a broker sends to a client before it answers a later request of that client has arrived
when the answer has. Subscriptions are of quality of service 0, as messages of a higher one may wait for
acknowledgements of others and come after the answer.
"""

import itertools
import ssl
import time
import uuid
import warnings

import paho.mqtt.client as mqtt

LONGEST = 10.0  # seconds that an answer may take
NOT_AUTHORISED = 5  # return code of a CONNACK


class Unanswered(Exception):
    """The connection ended before an answer came."""


class Late(Exception):
    """No answer came in time, and the connection is still there."""


def tls_context(authority, chain=None, key=None):
    """TLS that accepts only servers of an authority, under the name that is connected to."""
    context = ssl.create_default_context(cafile=authority)
    if chain:
        context.load_cert_chain(chain, key)
    return context


class Session:
    """One client. As a context it connects and, at the end, disconnects."""

    def __init__(
        self,
        port,
        websocket=False,
        tls=None,
        user=None,
        password=None,
        client_id=None,
        host="localhost",
        version=mqtt.MQTTv311,
    ):
        transport = "websockets" if websocket else "tcp"
        self.client_id = client_id or "client-" + uuid.uuid4().hex[:12]
        self.client = make_client(self.client_id, transport, version)
        if tls is not None:
            self.client.tls_set_context(tls)
        if user is not None:
            self.client.username_pw_set(user, password)
        self.host = host
        self.port = port
        self.code = None
        self.is_lost = False
        self.done = set()  # message ids of acknowledged requests
        self.messages = []  # (topic, payload, retained)
        self.client.on_connect = self.connected
        self.client.on_disconnect = self.disconnected
        self.client.on_publish = lambda _client, _data, mid, *_rest: self.done.add(mid)
        self.client.on_subscribe = lambda _client, _data, mid, *_rest: self.done.add(mid)
        self.client.on_message = self.received

    def connected(self, _client, _data, _flags, code, *_rest):
        self.code = int(getattr(code, "value", code))  # MQTT 5 has reasons

    def disconnected(self, *_arguments):
        self.is_lost = True

    def received(self, _client, _data, message):
        self.messages.append((message.topic, message.payload.decode(), bool(message.retain)))

    def __enter__(self):
        if self.connect() != 0:
            raise Unanswered(f"port {self.port}: connection answered by {self.code}")
        return self

    def __exit__(self, *_exception):
        self.close()

    def connect(self):
        """The return code of the CONNACK. Raises Unanswered, Late, or ssl.SSLError without one."""
        try:
            self.client.connect(self.host, self.port, keepalive=60)
        except ssl.SSLError:
            raise
        except TimeoutError as error:
            raise Late(f"port {self.port}: {error!r}") from error
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            raise Unanswered(f"port {self.port}: {error!r}") from error
        self.wait(lambda: self.code is not None, "a CONNACK")
        return self.code

    def close(self):
        try:
            self.client.disconnect()
        except OSError:
            pass  # it is gone already

    def wait(self, is_there, what):
        deadline = time.monotonic() + LONGEST
        while not is_there():
            if self.is_lost:
                raise Unanswered(f"port {self.port}: connection ended before {what} came")
            if time.monotonic() > deadline:
                raise Late(f"port {self.port}: {what} did not come within {LONGEST:g} s")
            if self.client.loop(timeout=0.2) != mqtt.MQTT_ERR_SUCCESS:
                self.is_lost = not is_there()

    def publish(self, messages, retain=False):
        """Returns when the broker has acknowledged the (topic, payload) pairs, and so handed them on."""
        sent = [self.client.publish(topic, payload, qos=1, retain=retain).mid for topic, payload in messages]
        self.wait(lambda: self.done.issuperset(sent), "a PUBACK")

    def subscribe(self, *filters):
        """Returns when the broker has acknowledged the subscription."""
        _result, mid = self.client.subscribe([(name, 0) for name in filters])
        self.wait(lambda: mid in self.done, "a SUBACK")

    def take(self):
        """The messages that were handed to this client before the call, as (topic, payload, retained)."""
        self.subscribe("nothing/is/ever/published/here")
        found = list(self.messages)
        self.messages.clear()
        return found


def make_client(client_id, transport, version):
    """A client of paho-mqtt 1.x or 2.x, which differ in how they are made."""
    versions = getattr(mqtt, "CallbackAPIVersion", None)
    if versions is None:
        return mqtt.Client(client_id, protocol=version, transport=transport)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return mqtt.Client(versions.VERSION1, client_id, protocol=version, transport=transport)


NUMBERS = itertools.count(1)


def fresh(word):
    """A payload that was not there before."""
    return f"{word}-{next(NUMBERS)}"
