/** Scenarios against a real API server. */
@NullMarked
package io.swav.e2e;

import org.jspecify.annotations.NullMarked;
