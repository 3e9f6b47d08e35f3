// What nodec asks of the system for its own process, before anything else.
#pragma once

namespace nodec::driver {

// Memory ends where the machine's does (or that of its container): what asks for more is told so, where the
// system would kill the process or its neighbors. A limit that is set already stays.
void limit_memory();

// A data file that is read in place and made shorter meanwhile ends the process with a message (status 1).
void tell_of_shrunk_files();

}  // namespace nodec::driver
