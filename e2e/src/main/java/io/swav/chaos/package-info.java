/** {@code swav storm}: a job through kills, notices, hangs, resizes and lost nodes, held against the same job in peace. */
@NullMarked
package io.swav.chaos;

import org.jspecify.annotations.NullMarked;
