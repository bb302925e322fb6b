#ifndef CHIREDIS_SHIM_H
#define CHIREDIS_SHIM_H

// Only the formatter and the reply reader of hiredis are used: sockets, TLS and
// event loops are SwiftNIO's.
#include <hiredis/hiredis.h>

#endif
