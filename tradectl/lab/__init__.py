"""Test the program: sandboxes of brokers, conformance cards for adapters, faults, and the drill.

faults       a simulated exchange behind a network and a broker that fail
sandboxes    servers with a broker's wire format
conformance  test cards for the rules of `ports.Broker`, which every adapter must pass
drill        kill the program at every commit and call, and compare its ledger with the exchange

Only the commands `drill` and `sandbox` of the program import this package.
"""
