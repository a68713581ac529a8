Feature: Another program is told, can prove who told it, and misses nothing

  @core
  Scenario: A receiver verifies the signature with the specification alone
    Given a captain at home
    And a webhook for "boat.updated" to a receiver that answers 200
    When the captain renames the boat to "Calypso II"
    Then the receiver has 1 request
    And each is signed as the specification says, with the secret that was shown
    And it tells of "boat.updated" with the boat "Calypso II"
    And a changed body, id or time is not signed

  @core
  Scenario: A failed delivery retries with the same id
    Given a captain at home
    And a webhook for "boat.updated" to a receiver that answers 503 once and then 200
    When the captain renames the boat to "Calypso II"
    Then the receiver has 2 requests
    And they have the same id and the same body
    And the log shows: succeeded, failed
    And the captain replays the oldest delivery
    And the receiver has 3 requests
    And they have the same id and the same body

  @core
  Scenario: A dead endpoint is held, then replayed whole
    Given a captain at home, where half a day goes by at each failed delivery
    And a webhook for "boat.updated" to a receiver that answers 500
    When the captain renames the boat to "Calypso II"
    Then the webhook is held after its deliveries failed for 5 days
    When the captain renames the boat to "Calypso III"
    Then the log has 2 held deliveries
    When the receiver answers 200
    And the captain resumes the webhook
    Then the log has 0 held deliveries
    And the receiver has got both names with status 200

  Scenario: Both secrets verify for 24 hours after rotation
    Given a captain at home
    And a webhook for "boat.updated" to a receiver that answers 200
    When the captain rotates the secret
    And the captain renames the boat to "Calypso II"
    Then the receiver has 1 request
    And each is signed with the secret before and with the new one

  Scenario: Private addresses are refused unless listed
    Given a captain at home
    Then these URLs are refused for a webhook, and the answer names EGRESS_ALLOW:
      | url                            |
      | https://10.0.0.1/hook          |
      | https://192.168.1.20:8123/hook |
      | https://169.254.169.254/latest |
      | https://[::1]/hook             |
      | https://[::ffff:10.0.0.1]/hook |
      | https://100.64.0.1/hook        |
    And a URL on an address that the operator listed is taken
