/* An enum and the names of its values as one list of rows of (constant, name), a macro that takes a
 * macro:
 *     #define COLOURS(CHOICE) CHOICE(COLOUR_RED, "red") CHOICE(COLOUR_BLUE, "blue")
 *     enum colour { COLOURS(CHOICE_CONSTANT) };
 *     CHOICE_NAMES(COLOURS)   is "red|blue", as field_choice and its kin take it
 *     switch (colour) { COLOURS(CHOICE_CASE) }   returns the name */
#ifndef VECMILL_BASE_CHOICE_H
#define VECMILL_BASE_CHOICE_H

#define CHOICE_CONSTANT(constant, name) constant,
#define CHOICE_LISTED(constant, name) "|" name
#define CHOICE_NAMES(rows) (&(rows(CHOICE_LISTED))[1])
#define CHOICE_CASE(constant, name) \
    case constant:                  \
        return name;

#endif
