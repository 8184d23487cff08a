/** Whether a job learns: the history of its figures, and a doctor that reads it. Nothing here reads a clock or a file. */
@NullMarked
package io.swav.learning;

import org.jspecify.annotations.NullMarked;
