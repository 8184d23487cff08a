/**
 * The command line {@code ./swav}: local clusters, the quickstart, storms, and every command of the trainer. Commands
 * parse options, call the classes that do the work, and print. No decision about jobs or clusters is made here.
 */
@NullMarked
package io.swav.cli;

import org.jspecify.annotations.NullMarked;
