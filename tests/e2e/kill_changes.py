#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Changes during which the daemon is killed, and whether the tables are those of one generation afterwards.

Usage: kill_changes.py begin DIRECTORY                 writes DIRECTORY/belka.yaml, the configuration to begin with
       kill_changes.py change DIRECTORY PINS SOCKET PID  asks for a random change and kills PID at a random point of it
       kill_changes.py check DIRECTORY PINS SOCKET     after the restart: one whole generation
       kill_changes.py settled DIRECTORY PINS          nothing moves: the ring's bytes, and no pin
       kill_changes.py figures DIRECTORY

The answers come from outside of the product: rings from tests/unit/ring_reference.py, what a slot may become from the
rules of opening, looking and holding, and what is acknowledged from who asked. DIRECTORY has the seed file, and keeps
history.json.
"""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import table_reader
from table_reader import HOLD, LOOK

SLOTS = 65536 if os.environ.get("BELKA_SOAK") == "1" else 8192
TICK_MS, IDLE_TICKS = 2000, 8
BACKENDS = [f"10.77.0.{number}" for number in (11, 12, 13, 14)]  # two of prod, one that comes and goes, canary
VIPS = {"web": "192.0.2.20", "beside": "192.0.2.10"}
PATIENCE_S = 10


def first_config():
    return {"canary": 10, "third": False, "beside": False}


def services_of(config):
    """[(name, [(pool, percent wanted, backends)])]"""
    prod = BACKENDS[:2] + BACKENDS[2:3] * config["third"]
    services = [("web", [("prod", 100 - config["canary"], prod), ("canary", config["canary"], BACKENDS[3:])])]
    if config["beside"]:
        services.append(("beside", [("prod", 100, BACKENDS[:2])]))
    return services


def yaml_of(config, directory):
    text = f"seed_file: {directory}/seed\ntick: {TICK_MS // 1000}s\nservices:\n"
    for name, pools in services_of(config):
        text += (f"  - name: {name}\n    vip: {VIPS[name]}\n    port: 7\n    protocol: tcp\n"
                 f"    idle: {{tcp: {TICK_MS * IDLE_TICKS // 1000}s}}\n    slots: {SLOTS}\n    forward: ipip\n    pools:\n")
        for pool, _, backends in pools:
            text += f"      {pool}: {{backends: [{', '.join(backends)}]}}\n"
        if len(pools) > 1:
            text += f"    split: {{canary: {config['canary']}%}}\n"
    return text


def rings_of(config, directory):
    """By service the address that each slot answers with, from the reference, which is slow: it is kept."""
    kept = f"{directory}/rings-{config['canary']}-{config['third']:d}{config['beside']:d}.json"
    if not os.path.exists(kept):
        rings = ask_reference(config, directory)
        with open(kept, "w", encoding="ascii") as file:
            file.write(json.dumps(rings))
    with open(kept, encoding="ascii") as file:
        return json.load(file)


def ask_reference(config, directory):
    with open(f"{directory}/seed", "rb") as file:
        seed = file.read().hex()
    asked = [{"name": name, "seed": seed, "slots": SLOTS,
              "pools": [{"name": pool, "share_ppm": percent * 10000, "match": False,
                         "backends": [[address, 1] for address in backends]} for pool, percent, backends in pools]}
             for name, pools in services_of(config)]
    reference = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/ring_reference.py")
    lines = subprocess.run([reference], input=json.dumps(asked).encode(), capture_output=True, check=True).stdout
    lines = lines.decode().split("\n")
    return {lines[at]: [line.split()[2] for line in lines[at + 1:at + 1 + SLOTS]]
            for at in range(0, (SLOTS + 1) * len(asked), SLOTS + 1)}


# What may become of a slot's word (current, draining).

def is_settled(word):
    return word[0] == word[1]


def towards(word, wanted):
    current, draining = word
    if wanted == current:
        return (current, LOOK) if draining == HOLD else word
    if draining not in (HOLD, LOOK) and not is_settled(word):
        return (wanted, LOOK if wanted == draining else draining)
    if current is None:  # nobody has been served
        return (wanted, wanted if is_settled(word) else LOOK)
    return (wanted, current)


def held(word, wanted):
    current, draining = word
    if wanted == current or current is None or (draining not in (HOLD, LOOK) and not is_settled(word)):
        return towards(word, wanted)
    return (current, HOLD)


def passes(word, open_ticks):
    """What time alone makes of it, or None."""
    current, draining = word
    if draining == LOOK:
        return (current, current)
    if draining != HOLD and not is_settled(word) and open_ticks > IDLE_TICKS + 2:
        return (current, LOOK)
    return None


def may_become(word, goals, open_ticks, ticks):
    """All that `word` may be after so many ticks and at most one change to one of the goals, each (function, wanted)."""
    found = {word}
    for _ in range(ticks + 1):  # the goal may come before or after each
        found |= {function(each, wanted) for each in found for function, wanted in goals}
        if _ < ticks:
            found |= {passed for each in found if (passed := passes(each, open_ticks))}
    return found


def open_ticks_of(tables, name, slot, tick):
    return (tick - tables["since"][name][slot]) & 0xffff


def faults_between(before, after, rings_before, rings_after, gentle):
    """Slots that became what no rule makes of them; before and after are as seen_of gives them."""
    faults = []
    # And one whose sweep was under way: the clock goes on first, then slots are settled.
    ticks = after["last_tick"] - before["first_tick"] + 1
    for name, words in after["words"].items():
        if name not in before["words"]:
            wanted = rings_after.get(name)  # nobody has had it: settled at once, or not yet stored
            faults += [(name, i, None, word) for i, word in enumerate(words)
                       if wanted is None or word not in ((wanted[i], wanted[i]), (None, None))]
            continue
        nobody = [None] * len(words)  # of a service that is taken away
        old, new = rings_before.get(name, nobody), rings_after.get(name, nobody)
        for slot, (was, now) in enumerate(zip(before["words"][name], words)):
            if was == now:
                continue
            # A held slot goes where its configuration wanted it, also before the change.
            goals = [(towards, old[slot]), (towards, new[slot])] + [(held, new[slot])] * gentle
            if now not in may_become(was, goals, open_ticks_of(before, name, slot, after["last_tick"]), ticks):
                faults.append((name, slot, was, now))
    return faults


def seen_of(pins):
    tables = table_reader.Tables(pins)
    return {"first_tick": tables.first_tick, "last_tick": tables.last_tick, "generation": tables.generation, "words": tables.words, "since": tables.since}, tables


class Asker(threading.Thread):
    """Asks for one change. `acknowledged` only where the whole answer came."""

    def __init__(self, path, target, body, content_type):
        super().__init__(daemon=True)
        self.path, self.target, self.body, self.content_type = path, target, body, content_type
        self.acknowledged, self.answer, self.seconds = False, b"", 0

    def run(self):
        begin = time.monotonic()
        connection = http.client.HTTPConnection("belka")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE_S)
        try:
            connection.sock.connect(self.path)
            connection.request("POST", self.target, self.body, {"Content-Type": self.content_type})
            response = connection.getresponse()
            self.answer = response.read()
            self.acknowledged = response.status == 200
        except (OSError, http.client.HTTPException) as error:
            self.answer = repr(error).encode()
        self.seconds = time.monotonic() - begin


def next_config(config, chance):
    """(configuration, whether it is a split alone, whether gentle)"""
    after = dict(config)
    if chance.random() < 0.3:
        key = chance.choice(["third", "beside"])
        after[key] = not after[key]
        return after, False, False
    after["canary"] = chance.choice([percent for percent in range(1, 100) if percent != config["canary"]])
    return after, True, chance.random() < 0.25


def asker_of(after, is_split, gentle, directory, path):
    if is_split:
        return Asker(path, "/v1/services/web/split" + "?pace=gentle" * gentle, json.dumps({"canary": f"{after['canary']}%"}),
                     "application/json")
    return Asker(path, "/v1/apply?file=belka.yaml", yaml_of(after, directory), "application/yaml")


def wait_for_store(pins, asker, tables):
    """Until the first bytes that are looked at change; a spinning wait, since the stores take microseconds."""
    watched = [table_reader.map_pin(f"{pins}/{name}") for name in tables]
    looks = [(table, min(size, 1 << 15)) for table, size in watched]
    before = [table[:size] for table, size in looks]
    while asker.is_alive() and all(table[:size] == was for (table, size), was in zip(looks, before)):
        pass
    for table, _ in watched:
        table.close()


def load(directory):
    with open(f"{directory}/history.json", encoding="ascii") as file:
        return json.load(file)


def store(directory, history):
    with open(f"{directory}/history.json", "w", encoding="ascii") as file:
        file.write(json.dumps(history))


def begin(directory):
    store(directory, {"config": first_config(), "pending": None, "kills": 0, "acknowledged": 0, "whole_before": 0,
                      "torn": 0, "seconds": [], "random": 4711, "finished": 0})
    with open(f"{directory}/belka.yaml", "w", encoding="ascii") as file:
        file.write(yaml_of(first_config(), directory))


def change(directory, pins, path, pid):
    history = load(directory)
    chance = random.Random(history["random"] + history["kills"])
    before_config = history["config"]
    after_config, is_split, gentle = next_config(before_config, chance)
    rings_before, rings_after = rings_of(before_config, directory), rings_of(after_config, directory)
    before, _ = seen_of(pins)
    asker = asker_of(after_config, is_split, gentle, directory, path)
    usual_s = sorted(history["seconds"])[len(history["seconds"]) // 2] if history["seconds"] else 0.03
    at_store = history["kills"] % 2 == 1  # every other: where the stores are, which are a hundredth of the time
    delay_s = chance.uniform(0, SLOTS * 3e-9) if at_store else chance.uniform(0, 1.3 * usual_s)
    asker.start()
    if at_store:
        wait_for_store(pins, asker, ["slots"] if is_split else ["slots", "service_info"])
    end = time.monotonic() + delay_s
    while time.monotonic() < end:
        pass
    os.kill(pid, signal.SIGKILL)
    asker.join(PATIENCE_S)
    end = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{pid}/root/."):  # dead, and perhaps not yet waited for
        if time.monotonic() > end:
            sys.exit(f"belkad ({pid}) was killed, and is still there after {PATIENCE_S} s")
        time.sleep(0.001)
    killed, _ = seen_of(pins)
    faults = faults_between(before, killed, rings_before, rings_after, gentle)
    if faults:
        sys.exit(f"killed, and {len(faults)} slots are what no rule makes: {faults[:4]}")
    differ = [(was, now) for name in before["words"] for was, now in zip(before["words"][name], killed["words"].get(name, []))
              if was != now]
    expected = sum(a != b for name in rings_before for a, b in zip(rings_before[name], rings_after.get(name, [])))
    if not asker.acknowledged and killed["generation"] == before["generation"] and differ and len(differ) < expected:
        history["torn"] += 1
    if asker.acknowledged:
        history["acknowledged"] += 1
        history["seconds"].append(asker.seconds)
    elif b"errors" in asker.answer:
        sys.exit(f"refused: {asker.answer.decode()}")
    history["kills"] += 1
    history["pending"] = {"config": after_config, "acknowledged": asker.acknowledged, "gentle": gentle}
    store(directory, history)
    with open(f"{directory}/killed.json", "w", encoding="ascii") as file:
        file.write(json.dumps(killed))


def tupled(seen):
    seen["words"] = {name: [tuple(word) for word in words] for name, words in seen["words"].items()}
    return seen


def in_force(path):
    """The shares wanted as the daemon says them, but for prod's, which is the rest; the tables have to agree."""
    connection = http.client.HTTPConnection("belka")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(PATIENCE_S)
    connection.sock.connect(path)
    connection.request("GET", "/v1/pools")
    pools = json.loads(connection.getresponse().read())["pools"]
    connection.close()
    return {(pool["service"], pool["name"], pool["wanted_ppm"] // 10000) for pool in pools if pool["name"] != "prod"}


def shares_in(tables):
    return {(name, pool, wanted // 10000) for name, service in tables.services.items() if not service.draining
            for pool, (wanted, _) in service.shares.items() if pool != "prod"}


def faults_of_generation(tables, config, rings):
    """Why the tables are not those of this configuration; slots that are held have their old answer."""
    wanted = {(name, pool, percent) for name, pools in services_of(config) for pool, percent, _ in pools if pool != "prod"}
    if shares_in(tables) != wanted:
        yield f"shares are {shares_in(tables)}, not {wanted}"
    for name, ring in rings.items():
        if name not in tables.words:
            yield f"there is no service {name}"
            continue
        wrong = [slot for slot, (word, answer) in enumerate(zip(tables.words[name], ring))
                 if word[0] != answer and word[1] != HOLD]
        if wrong:
            yield f"{name}: {len(wrong)} slots have another current backend, such as {wrong[0]}"
        service = tables.services[name]
        counts = {pool: sum(ring.count(address) for address in backends)
                  for each, pools in services_of(config) if each == name for pool, _, backends in pools}
        if {pool: slots for pool, (_, slots) in service.shares.items()} != counts:
            yield f"{name}: says that its pools have the slots {service.shares}, and they have {counts}"
        if tables.entries.get((service.vip, service.key)) != (service.base, service.slots - 1):
            yield f"{name}: packets do not find its slots"
    known = {(service.vip, service.key) for service in tables.services.values()}
    if set(tables.entries) - known:
        yield f"packets find {len(set(tables.entries) - known)} services that there are not"
    serving = {tables.addresses[number] for number in tables.addresses if number not in tables.leaving}
    if serving != {address for _, pools in services_of(config) for _, _, backends in pools for address in backends}:
        yield f"the backends are {serving}"


def check(directory, pins, path):
    history = load(directory)
    pending = history["pending"]
    with open(f"{directory}/killed.json", encoding="ascii") as file:
        killed = tupled(json.load(file))
    now, tables = seen_of(pins)
    candidates = [pending["config"]] if pending["acknowledged"] else [history["config"], pending["config"]]
    whole = {}
    for config in candidates:
        rings = rings_of(config, directory)
        whole[json.dumps(config)] = list(faults_of_generation(tables, config, rings))
    matching = [config for config in candidates if not whole[json.dumps(config)]]
    if not matching:
        sys.exit(f"no whole generation, acknowledged {pending['acknowledged']}: {whole}")
    config = matching[-1]
    if in_force(path) != shares_in(tables):
        sys.exit(f"belkad says that {in_force(path)} is in force, the tables have {shares_in(tables)}")
    faults = faults_between(killed, now, rings_of(pending["config"], directory), rings_of(config, directory), True)
    if faults:
        sys.exit(f"restarted, and {len(faults)} slots are what no rule makes: {faults[:4]}")
    if now["generation"] < killed["generation"]:
        sys.exit(f"generation {now['generation']} after {killed['generation']}")
    history["finished" if config == pending["config"] else "whole_before"] += 1
    history["config"], history["pending"] = config, None
    store(directory, history)


def settled(directory, pins):
    history = load(directory)
    _, tables = seen_of(pins)
    config = history["config"]
    rings = rings_of(config, directory)
    faults = list(faults_of_generation(tables, config, rings))
    if set(tables.services) != set(rings):
        faults.append(f"there are the services {sorted(tables.services)}")
    for name, ring in rings.items():
        moving = sum(word != (answer, answer) for word, answer in zip(tables.words.get(name, []), ring))
        if moving:
            faults.append(f"{name}: {moving} slots are not settled on the ring's answer")
    if pinned := table_reader.count_pins(pins):
        faults.append(f"{pinned} pins are left")
    if faults:
        sys.exit("; ".join(faults))


def figures(directory):
    history = load(directory)
    print(f"figure: daemon killed {history['kills']} times in a change: {history['acknowledged']} acknowledged before, "
          f"{history['torn']} in the middle of the stores of slots; at the restart {history['finished']} changes were "
          f"finished, {history['whole_before']} had not begun")


def main():
    verb, arguments = sys.argv[1], sys.argv[2:]
    os.sched_setaffinity(0, range(os.cpu_count()))  # the daemon is on the first: who watches it is better elsewhere
    if verb == "change":
        arguments[3] = int(arguments[3])
    {"begin": begin, "change": change, "check": check, "settled": settled, "figures": figures}[verb](*arguments)


if __name__ == "__main__":
    main()
