/**
 * How trainers enter and leave worlds: the newest world document, the regroup protocol, and the election of the state
 * that all members continue from. The protocol's decisions are pure and checked by a model with faults. Nothing here
 * knows what the state means or how a step is computed.
 */
@NullMarked
package io.swav.membership;

import org.jspecify.annotations.NullMarked;
