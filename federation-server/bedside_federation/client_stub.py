"""flwr wants a ClientApp in every app. None is ever run: the nodes are browsers."""

from flwr.clientapp import ClientApp

app = ClientApp()
