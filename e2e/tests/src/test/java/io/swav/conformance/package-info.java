/** Compares commands of the trainer with the reference: the conformance module itself does not depend on the trainer. */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
