"""What tests the program: sandboxes of brokers, conformance cards of adapters, faults, and the drill.

faults       an exchange behind a network and a broker that fail
sandboxes    servers that speak a broker's wire format
conformance  the promises of `ports.Broker`, as cards that every adapter passes
drill        the program killed at every commit and call, and its ledger compared with the exchange

Nothing of the program imports it but the commands `drill` and `sandbox`.
"""
