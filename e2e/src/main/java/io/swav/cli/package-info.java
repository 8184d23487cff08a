/**
 * The command line of people, {@code ./swav}: local clusters, the quickstart, and every command of the trainer and of the
 * storms. Commands read options, call what does the work and print; no decision about jobs or clusters lives here.
 */
@NullMarked
package io.swav.cli;

import org.jspecify.annotations.NullMarked;
