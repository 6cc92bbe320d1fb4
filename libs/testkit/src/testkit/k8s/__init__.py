"""A whole Kubernetes in namespaces of its own on this machine: control plane, one node, images, and load."""
