"""A whole Kubernetes on this machine, in namespaces of its own: control plane, one node, images, load and their tools."""
