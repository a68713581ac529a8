Feature: The right person knows in time, and there is proof that they were told

  @core
  Scenario: A mail leaves within its time and is marked accepted
    Given a captain whose server sends mail
    When the paper "Hull survey" cannot be read
    Then within a minute the captain has a mail about "Hull survey"
    And it came encrypted and after a password, and answers to it do not go to people
    And it says so in plain text and in HTML, and leads to the paper
    And the mail about "Hull survey" is shown as accepted, within a minute

  @core
  Scenario: The in-app list shows, counts and marks read, live
    Given a captain whose server sends mail
    And the captain follows their notifications
    When the paper "Hull survey" cannot be read
    Then they see "Hull survey" at once
    And 1 is unread
    When their line breaks
    And the paper "Rig survey" cannot be read
    Then 2 are unread
    When the captain follows their notifications again
    Then they see "Rig survey" at once
    And they have seen each once
    When the captain reads the one about "Hull survey"
    Then 1 is unread
    When the captain reads all
    Then 0 are unread

  @core
  Scenario: A push reaches a subscription, and a dead one is removed
    Given a captain whose server sends mail
    And the captain subscribes a phone and a laptop
    When the laptop is thrown away
    And the paper "Hull survey" cannot be read
    Then the phone shows "Hull survey", which nobody else could read
    And the push about "Hull survey" is shown as accepted, within a minute
    And the laptop is subscribed no more
    When the paper "Rig survey" cannot be read
    Then the phone shows "Rig survey", which nobody else could read
    And the push service was asked once for the laptop

  @core
  Scenario: A failed notification is sent again with its count, and can be deleted
    Given a captain whose server sends mail
    And the mail server answers 554, "this looks like advertising"
    When the paper "Hull survey" cannot be read
    Then the mail about "Hull survey" is shown as refused, because "this looks like advertising"
    When the mail server takes mails again
    And the captain has the mail about "Hull survey" sent again
    Then within a minute the captain has a mail about "Hull survey"
    And the mail about "Hull survey" is shown as accepted, within a minute
    And it was sent again once, and the audit trail says by whom
    When the captain deletes the mail about "Hull survey"
    Then it is in no list any more

  Scenario: An unknown template variable refuses to save
    Given a captain whose server sends mail
    When the captain words the mail about unread papers as "Bad scan: {{dokument_title}}"
    Then the answer is 400
    And the answer names body.subject
    And the answer names "{{dokument_title}}" and what is known
    And the words are still those that came with NaviDocs
    When the captain words the mail about unread papers as "Bad scan"
    Then the answer is 400
    And the answer names "{{document_title}}" and what is known
    When the captain words the mail about unread papers as "Bad scan: {{document_title}}"
    Then the answer is 200
    When the paper "Hull survey" cannot be read
    Then within a minute the captain has a mail about "Bad scan: Hull survey"

  Scenario: Unsubscribing takes effect at once and a scanner's GET does not
    Given a captain whose server sends mail
    When the paper "Hull survey" cannot be read
    Then within a minute the captain has a mail about "Hull survey"
    When a scanner opens the link that stops these mails
    And the paper "Rig survey" cannot be read
    Then within a minute the captain has a mail about "Rig survey"
    When the mail program posts to the link, without a sign-in
    And the paper "Sail survey" cannot be read
    Then the captain is told of "Sail survey" in the application, and by no mail

  Scenario: A hard bounce stops mail to that address and tells the admin
    Given a captain whose server sends mail, in the morning of 2025-05-02
    And a member of the organization who alone wants mails about warranties
    And a warranty of the "Watermaker" that ends on 2025-06-01
    When the hour's look for reminders is over
    Then the member has 1 mail about "Watermaker"
    When the operator reports that it came back because "550 5.1.1 no such user"
    Then the mail of the member is shown as bounced, because "550 5.1.1 no such user"
    And the member sees why no mail comes any more
    And the captain is told that the reminder about "Watermaker" reached nobody
    When it is the morning of 2025-05-18
    And the hour's look for reminders is over
    Then the member has 1 mail about "Watermaker"
    And the member is told in the application that the cover of the "Watermaker" ends soon

  @core
  Scenario: SMS goes to opted-in numbers, and mail takes over after three failures
    Given a captain whose server sends mail and text messages, in the morning of 2025-05-02
    And a member of the organization who also wants mails about warranties
    And the captain and the member confirm their telephone numbers
    And the captain wants text messages about warranties, and no mails
    And a warranty of the "Watermaker" that ends on 2025-06-01
    And a warranty of the "Radar" that ends on 2025-06-05
    When the hour's look for reminders is over
    Then the captain has a text message about "Watermaker" of at most 160 characters
    And the text message about "Watermaker" is shown as accepted
    And the member has no text message about "Watermaker"
    When it is the morning of 2025-05-06
    And the SMS service answers 429, "too many messages"
    And the hour's look for reminders is over
    Then the text message about "Radar" is shown as queued, because "too many messages"
    When 30 seconds pass
    Then the SMS service was asked 1 time about "Radar"
    When 30 seconds pass
    Then the SMS service was asked 2 times about "Radar"
    And the captain has no mail about "Radar"
    When 5 minutes pass
    Then the text message about "Radar" is shown as refused, because "too many messages"
    And the captain has one mail about "Radar"
    When 24 hours pass
    Then the SMS service was asked 3 times about "Radar"
    And the captain has one mail about "Radar"
    And the member has no text message about "Radar"

  Scenario: Quiet hours and digest hold back, urgent passes, across a clock change
    Given a captain whose server sends mail, in the morning of 2026-03-20
    And a member of the organization who also wants mails about warranties
    And a warranty of the "Liferaft" that ends on 2026-04-10
    When it is 23:30 in Europe/Berlin on 2026-03-28
    And the captain lives in Europe/Berlin and wants quiet from 22:00 to 07:00
    And the member lives in Europe/Berlin, wants quiet from 22:00 to 07:00, and a digest every day
    And the paper "Hull survey" cannot be read
    And the member's papers "Rig survey" and "Sail survey" cannot be read
    And the hour's look for reminders is over
    Then the captain has a mail about "Liferaft"
    And it says that 13 days are left
    And the member has a mail about "Liferaft"
    And the captain sees that the mail about "Hull survey" waits until 2026-03-29T05:00:00Z
    And the member sees that the mail about "Rig survey" waits until 2026-03-29T06:00:00Z
    And the member sees that the mail about "Sail survey" waits until 2026-03-29T06:00:00Z
    When it is 06:59 in Europe/Berlin on 2026-03-29
    Then the captain has no mail about "Hull survey"
    When it is 07:00 in Europe/Berlin on 2026-03-29
    Then the captain has one mail about "Hull survey"
    When it is 07:59 in Europe/Berlin on 2026-03-29
    Then the member has no mail about "Your summary"
    When it is 08:00 in Europe/Berlin on 2026-03-29
    Then the member has one mail, about "Rig survey" and "Sail survey"
    And the member has no mail about "survey"
