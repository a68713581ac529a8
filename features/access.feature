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

  Scenario: A contractor's grant ends by itself within seconds, also on an open stream
    Given a captain with two boats and a paper that nobody has read yet
    And a contractor may edit the boat for 10 seconds
    Then the contractor finds that boat and no other
    When they follow how the paper is read
    Then the stream ends by itself when the time is over
    And the boat and its paper are not there for the contractor any more
    And the audit trail tells who let the contractor aboard

  Scenario: A viewer sees no amounts and no private papers
    Given a signed-in captain with a boat
    And the boat has an invoice, a passport and a warranty of 9000 EUR
    Then a viewer and an inspector aboard see the boat and its warranty, but no amount
    And neither the invoice nor the passport is in their lists, searches or timelines

  Scenario: The audit tells who downloaded what
    Given a signed-in captain with a boat
    When they upload "wiring-note.md" to the boat
    And a mate downloads the paper, and only looks at a part of it again
    Then the captain's audit trail tells once that the mate downloaded the paper, when and from where
    And so does the file that the captain exports, and the trail tells of the export
    And neither the mate nor a stranger is told anything

  Scenario: A person exports and deletes what concerns them
    Given a captain with a mate aboard, at a time that can be moved
    When the mate exports what concerns them
    Then the file tells of their account, their sessions, their papers and what they did
    And it holds nothing of the captain
    When the mate deletes their account
    Then the mate is signed out and no longer a member
    When the mate signs in 29 days later
    Then they are a member as before
    When the mate deletes their account
    And 30 days pass
    Then the mate's name and address are nowhere in the database
    And the audit trail still tells that one person did it all
    When the captain deletes their account
    And 30 days pass
    Then the organization is gone, with its boat and its papers

  Scenario: A restore applies the erasures again
    Given an installation with a captain
    And the boat has an owner, a buyer whose sale runs, and a mate with an account
    And a backup of it
    When the operator erases the owner, the buyer and the mate
    Then only the running sale still names anybody, and the operator is told why
    Given a later backup, after which the list of erasures is lost
    When the operator stops the server, restores the backup and consents to the loss
    Then only the running sale still names anybody, and the mate cannot sign in
    And the operator sees the erasures in a list that names nobody

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
