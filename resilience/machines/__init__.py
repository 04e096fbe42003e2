"""Machines behind nodes: what stops, starts and reboots them, since no Kubernetes API does.

One file for each kind: `ec2`, `docker`, `ssh`, `libvirt`, `redfish`. Each declares its settings,
which a target writes as `driver = {kind = "ec2", ...}`; `kinds` is the list of them. `command` is a
user's own, written as a list. All implement
`resilience.cluster.capabilities.machine_driver.MachineDriver`; `driven` turns one into the
capability to stop nodes, which verbs request.

Imported by `config` (to parse settings) and `engine` (to build the driver). Clients of clouds are
imported only when a driver is used.
"""
