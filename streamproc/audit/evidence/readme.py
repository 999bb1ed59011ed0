"""What a bundle of evidence says of itself, for whoever is given one."""

from typing import Final

ABOUT: Final = """\
# Evidence of streamproc

This bundle holds what the log of streamproc has of some users: what sources (HR systems, directories) said of them,
what was decided from it, what was sent to Genesys Cloud, and how that ended. `manifest.json` says whose evidence it is
(`chosen`), what of it there is (`counts`, `ranges`), and whether it is redacted or signed.

## Verify it

    streamproc report verify FILE.zip
    streamproc report verify FILE.zip --public-key KEY.pem     # signed by a key that you know

needs nothing but this file: no Kafka, no settings, no network. It computes all sums again, folds every user's events
anew, compares each record byte for byte, and looks for each event's fate. It says "equal", or names what was altered,
added or left out. The rules of folding may change from version to version: where it isn't equal, try the version of
streamproc that the manifest names, too.

By hand, at least that no file was changed:

    unzip FILE.zip -d bundle && cd bundle && sha256sum -c SHA256SUMS
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.sig   # if it is signed
    openssl pkey -pubin -in public.pem -outform DER | sha256sum                                       # whose key?

## The files

- `events.jsonl`: the users' records of topic `identity.changes`, from the beginning on, since each state follows from
  the one before, and the changes of the mapping in their partitions.
- `records.jsonl`: their records of `scim.operations`: facts, desired state and operations after each event.
- `outcomes.jsonl`: their records of `scim.outcomes`: every request, its answer, and each event's fate.
- `controls.jsonl`: operators' orders about them, pauses of all sinks, and orders of the mappings.
- `mappings/DIGEST.toml`: the mappings that were in force.
- `chain.jsonl`: per user, why they are here, each record's `seq`, `prev`, `before` and `hash`, the last hash (`head`),
  and what isn't there: `compacted` (Kafka has removed these records; they are computed anew), `unwritten` and `open`
  (no record, or no fate, yet when this was made).
- `manifest.json`: what is in the bundle, with SHA-256, length and number of lines of each file.
- `manifest.sig`, `public.pem`: an Ed25519 signature of `manifest.json`, and the key that it can be checked with. Only
  where it is signed.
- `SHA256SUMS`: SHA-256 of every other file.

A line of the first four is one record as it lay in Kafka: `partition`, `offset`, `timestamp` (ms since 1970, UTC),
`key`, `value`, in their own bytes; `key64` and `value64` are base64, where they aren't UTF-8.
A record's `seq` is the offset of its event; `hash` is SHA-256 over the record with an empty `hash`, which includes the
hash of the one before.

## What it proves, and what it doesn't

- The records follow from the events under the mappings that are here, in this order: who could have had which access,
  when, and why.
- It doesn't prove that the events are those which the log has. Whoever made the bundle could have left out whole users,
  or the newest events of one together with all that followed from them, or could have made up a consistent history.
  Without a signature anybody can make such a bundle. What helps: a signature by a key that you know, the manifest's
  SHA-256 as it was written down elsewhere when the bundle was made, or the `hash` of a record compared with the log.
- What happened outside can't be computed. Of these only the sums show a change, and so, where somebody makes the sums
  anew, only the signature: requests, answers, verdicts and instants in the outcomes; timestamps; operators' orders of
  which nothing came; the period, or the users, that `chosen` in the manifest names, where the same
  users come of it; and this page itself. What is checked is that they fit together: each event has one fate, each names
  its event, each order that something goes back to is there.
- An event without a fate (`open`) is on its way, or was when the bundle was made.

## If it is redacted

`redacted` in the manifest names the facts that were kept where a mapping looks into them (`kept`), and those that
became keyed hashes (`hidden`), as did user IDs, subjects, ids, and what people wrote. Of one user the same value of the
same fact is the same hash; of two it never is. Where an expression of a mapping parts a text, each piece is a hash, and
what parts it stays. Facts that no mapping reads, and bodies and paths of requests, were left out; offsets were counted
anew, and all partitions made one. `whole` names what else stays: the mappings, and when things happened since the log
knew of a user; of moments before that only the order. A mapping's text, and the facts in `kept`, are what a reader
should look at before passing it on. Who knows when something happened to somebody can tell by the times whom it is
about. The redacted events were folded anew, so it verifies by itself. `original` in `chain.jsonl` stands in for each
original record's hash: who has the key, and the log, can compute it, and see that it is the same history. Without the
key nothing in it can be tried out.
"""
