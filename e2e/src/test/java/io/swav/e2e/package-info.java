/** Scenarios against a real API server, and the rules of the house. */
@NullMarked
package io.swav.e2e;

import org.jspecify.annotations.NullMarked;
