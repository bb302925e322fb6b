// Addresses, connection settings and transport errors are part of this module's own interface.
@_exported public import PipelinedTransport
