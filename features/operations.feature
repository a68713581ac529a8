Feature: Safe keeping

  Scenario: Migrations go up, down and up to the same schema
    Given an empty database
    When every migration is applied
    And they are all taken back
    Then the database has no table
    When every migration is applied again
    Then the schema is what it was the first time
    And each of them goes up, down and up again without a row lost
