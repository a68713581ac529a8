Feature: Who may see what

  @core
  Scenario: Another organization's row is 404, a low role 403, no token 401
    Given a signed-in captain with a boat
    When a stranger asks for the boat
    Then the answer is 404
    When a viewer of the organization renames the boat
    Then the answer is 403
    When nobody in particular asks for the boat
    Then the answer is 401

  Scenario: A reused refresh token ends its family
    Given a signed-in captain with a boat
    When the captain refreshes their session
    Then the new token works
    When the old refresh token is used again
    Then the answer is 401
    And the new token works no more
    And the new refresh token works no more

  Scenario: Five failures lock the pair, not the captain elsewhere
    Given a signed-in captain with a boat
    When somebody at "203.0.113.7" fails five times to sign in as the captain
    Then signing in there with the right password is refused for a quarter of an hour
    And the captain signs in from "198.51.100.9"

  Scenario: An invitation is accepted once
    Given a captain whose server sends mail
    When the captain invites "mate@example.org" as a manager
    Then "mate@example.org" has a mail with a link that the captain did not see
    When whoever has the link accepts it as "Bo" with a password
    Then "mate@example.org" signs in and is a manager of the captain's organization
    When the link is used again
    Then the answer is 404
    And the audit trail tells who invited whom, and that it was accepted

  Scenario: A read token cannot write
    Given a signed-in captain with a boat
    When the captain makes a token that may read
    Then a program with the token reads the boat
    And it cannot rename the boat, make another token or end a session
    When the captain deletes the token
    Then the program is refused

  Scenario: Register, verify, sign in, refresh, sign out everywhere
    Given a captain whose server sends mail
    When "ada@example.org" registers with the organization "Ada's boats"
    Then "ada@example.org" has a mail with a link that confirms the address, once
    When "ada@example.org" signs in
    And the captain refreshes their session
    Then the new token works
    When they sign in on another device, and sign out everywhere there
    Then the new token works no more
    And the new refresh token works no more
    And neither token of the other device works

  Scenario: TOTP and a recovery code
    Given a captain whose server sends mail, in the morning of 2026-05-04
    When the captain turns on a second factor
    Then the password alone signs in no more
    And a code of the captain's device signs in, once
    When the captain signs in with a recovery code
    Then a mail tells the captain that 9 are left
    And the recovery code signs in no more
    When the captain turns the second factor off with another one
    Then the password alone signs in again
