#ifndef CHIREDIS_SHIM_H
#define CHIREDIS_SHIM_H

// Only the reply reader of hiredis is used, and by a test its formatter:
// sockets, TLS and event loops are SwiftNIO's.
#include <hiredis/hiredis.h>

#endif
