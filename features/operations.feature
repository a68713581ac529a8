Feature: Safe keeping

  Scenario: The queue drains before a stop
    Given a captain with a boat on a server whose workers can be stopped
    When they upload 20 papers
    And the operator drains the queue
    Then no job runs, and health says that the queue is paused
    When they upload 3 papers
    And the workers stop and start again
    Then 3 papers wait, untouched
    When the operator resumes the queue
    Then all 23 papers are read

  Scenario: Migrations go up, down and up to the same schema
    Given an empty database
    When every migration is applied
    And they are all taken back
    Then the database has no table
    When every migration is applied again
    Then the schema is what it was the first time
    And each of them goes up, down and up again without a row lost

  Scenario: A backup under load holds every acknowledged row
    Given an installation with a captain
    And a program that adds boats without a pause
    When the operator makes a backup meanwhile
    And the program has added some more boats and ends
    And the operator stops the server, restores the backup and consents to the loss
    Then every boat that was acknowledged before the backup began is there
    And no boat that was added after it had ended

  # The stored database is one of SQLite, whatever the other scenarios run on:
  # a PostgreSQL server checks its own pages.
  Scenario: Each of twelve damages is found and named
    Given an installation on SQLite with 40 boats and a paper
    And two backups, between which 10 boats were added
    When each of these is done to the newer one, it is found and named:
      | damage                   | found by          | named                    |
      | 1 byte flipped in text   | content           | is another one           |
      | a page zeroed            | integrity_check   |                          |
      | last 5% cut              | integrity_check   |                          |
      | last 3 pages cut         | integrity_check   |                          |
      | two pages swapped        | integrity_check   |                          |
      | 5% of a table deleted    | rows              | audit_log has            |
      | small table emptied      | rows              | blob_refs has 0 rows     |
      | foreign key orphans      | foreign_key_check | 1 rows of boats refer    |
      | index misses 2 entries   | integrity_check   | audit_log_org            |
      | index missing            | schema            | boats_hin                |
      | older backup renamed     | rows              | boats has 40 rows        |
      | empty tables only        | rows              | boats has 0 rows         |
    And the backup itself, untouched, is good

  Scenario: A drill restores and smokes
    Given an installation with a captain
    And a paper and a backup
    When the operator drills the backup
    Then the drill is good and has read the paper
    And the list says when it was drilled
    And nothing of the drill is left, in the backups' folder or in the database
    When a table that the server needs is missing from the next backup
    Then its verification is good, for it holds what there was
    But its drill says that the server does not work

  Scenario: Pruning never takes the newest verified
    Given an installation with a captain
    And three backups, the two newest of which were damaged later
    When the operator verifies them all
    Then two are said to be damaged
    When the operator prunes to one backup
    Then the newest one that is good is still there, and restores

  Scenario: Restore prints the loss and refuses without consent
    Given an installation with a captain
    And a paper and a backup
    When the captain adds 3 boats and renames the first
    And the operator stops the server and restores the backup
    Then it is refused, and 3 rows of boats are said to be lost and 1 to take its older form
    And all 4 boats are there as they were
    When the operator restores the backup and consents to the loss
    Then the 3 boats are gone and the first has its old name
    And the state before comes back from the backup that was made of it

  Scenario: Restore on an empty machine with the recovery key keeps every secret working
    Given an installation with a captain
    And the recovery key, written down
    And a paper, and an answer that was sealed for whoever asks again
    And a backup at a second place
    When the machine is lost
    And the operator restores the backup on an empty one, without the recovery key
    Then the captain's session is over and the sealed answer cannot be opened
    When the operator restores the backup on another empty one, with the recovery key
    Then the captain's session goes on
    And the same question has the sealed answer
    And the paper has its bytes

  Scenario: Health tells a lost database from a stopped worker
    Given a captain with a boat on a server whose workers can be stopped
    Then health says: ok, database connected, workers running
    When the workers stop
    Then health says: degraded, database connected, workers stopped
    When the workers start
    Then health says: ok, database connected, workers running
    When the database is lost
    Then health says: down, database disconnected, workers running
    When the database comes back
    Then health says: ok, database connected, workers running

  @process
  Scenario: Preflight names a missing secret, a placeholder, an expiring certificate, a full disk, each with its fix
    Given an installation with a missing secret, a placeholder, a certificate that ends in a day, and a full disk
    When the operator looks before a deploy
    Then the look fails
    And "secrets" fails because "SMTP_PASSWORD is missing", with the fix "SMTP_PASSWORD"
    And "config" fails because "is a placeholder", with the fix "OPERATOR_EMAIL: give the real value"
    And "tls" fails because "expires in 24 hours", with the fix "renew it"
    And "disk" fails because "MB are free", with the fix "navidocs backup prune"

  @process
  Scenario: A good deploy fails no request
    Given an installation that serves release 1
    And clients that never retry
    When the operator deploys release 2
    Then it is committed
    And release 2 serves, and the status says so
    And no request failed, and every boat that was acknowledged is there

  @process
  Scenario: A bad release reaches no user
    Given an installation that serves release 1
    And clients that never retry
    When the operator deploys a release that exits
    Then it is stopped because "exit"
    When the operator deploys a release that fails its smoke test
    Then it is stopped because "smoke warranty-creation"
    And the operator is shown what the servers said last
    And release 1 serves, and the status says so
    And no request failed, and every boat that was acknowledged is there

  @process
  Scenario: A release with errors goes back by itself
    Given an installation that serves release 1
    And clients that never retry
    When the operator deploys a release of which three of ten answers are errors
    Then it is taken back because "answers are errors of the server"
    And release 1 serves, and the status says so
    And at most 10 in 100 requests failed, and every boat that was acknowledged is there
    And an incident is open that names "answers are errors of the server" and a loss of 0 rows

  @process
  Scenario: A slow release goes back by itself, a slow machine does not
    Given an installation that serves release 1
    And clients that never retry
    When the operator deploys a release that is slow
    Then it is taken back because "95 of 100 short answers"
    And release 1 serves, and the status says so
    And no request failed, and every boat that was acknowledged is there
    Given an installation that serves release 1 on a machine where everything takes long
    And clients that never retry
    When the operator deploys release 2, on which everything takes long as well
    Then it is committed

  @process
  Scenario: Rollback by hand changes no row
    Given an installation that serves release 1
    And clients that never retry
    When the operator deploys release 2 and holds it
    Then it is held
    And release 2 serves, and the status says so
    When the clients stop
    And the rows are counted and hashed
    And the operator rolls back because "the list of boats is empty"
    Then it is taken back
    And release 1 serves, and the status says so
    And no row has changed
    And no request failed, and every boat that was acknowledged is there

  @process
  Scenario: A restore holds requests and refuses none
    Given an installation that serves release 1
    And a backup of what it has
    And clients that never retry
    When the operator restores the newest backup and consents to the loss
    Then no request failed

  @process
  Scenario: An incident file is written
    Given an installation that serves release 1
    When the operator deploys release 2 and holds it
    And the operator rolls back because "the list of boats is empty"
    Then an incident is open that names "the list of boats is empty" and a loss of 0 rows
    And it is closed once a person has written its cause and its prevention

  Scenario: Smoke passes its four suites and leaves no row
    Given a server with a captain, a boat and a paper, and its workers
    When the operator smokes it
    Then these suites have passed: warranty-creation, webhook-delivery, notification-sending, database-operations
    And no suite has failed or was left out
    And every table has the rows that it had, and the store its files
    And nothing was mailed
    When the operator smokes it from a folder that is not its home
    Then the server is said to be alive, and what writes was left out
