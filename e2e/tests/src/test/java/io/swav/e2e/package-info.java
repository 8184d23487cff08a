/** Integration tests against a real API server, and the rules of the architecture. */
@NullMarked
package io.swav.e2e;

import org.jspecify.annotations.NullMarked;
