// Addresses, connection settings and transport errors are part of this module's own interface. What else that module has
// is `package`, but for what a connection's type is made of.
@_exported public import PipelinedTransport
