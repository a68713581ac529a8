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
