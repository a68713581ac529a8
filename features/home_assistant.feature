Feature: The boat's papers reach the boat's Home Assistant

  @core
  Scenario: Registering a webhook probes it and tells timeout, HTTP code and DNS failure apart
    Given a Home Assistant aboard
    Then a webhook at an address that never answers is refused with "there was no answer within"
    And a webhook at an address that answers 502 is refused with "the answer was 502 Bad Gateway"
    And a webhook at an address whose name does not exist is refused with "(DNS)"
    And a webhook at an address where nothing listens is refused with "the connection was refused"

  @core
  Scenario: An event reaches Home Assistant signed, and confirmation is shown
    Given a Home Assistant aboard
    And its automation confirms every test
    When the captain connects its webhook
    Then the connection is not confirmed
    When the captain tests the connection
    Then the connection is confirmed
    When the captain renames the boat that is connected to "Calypso II"
    Then Home Assistant has got "boat.updated", signed and with the secret header

  @core
  Scenario: The configuration is read without its secret
    Given a Home Assistant aboard
    When the captain connects its webhook
    Then the configuration is read without its secrets

  @core
  Scenario: Unregistering stops delivery
    Given a Home Assistant aboard
    When the captain connects its webhook
    And the captain connects its event bus
    And the captain disconnects the webhook
    And the captain renames the boat that is connected to "Calypso II"
    Then Home Assistant has got "boat.updated" on its event bus alone

  Scenario: A wrong token is refused with a clear message
    Given a Home Assistant aboard
    Then a connection with a wrong token is refused with "make a long-lived access token under your profile"

  Scenario: The calendar feed parses and keeps its ids
    Given a Home Assistant aboard
    And a warranty and a certificate of the boat
    When the captain subscribes to the calendar
    Then the calendar parses and has 2 days with their alarms
    When the captain renames the boat that is connected to "Calypso II"
    Then the calendar has the same ids and says "Calypso II"

  Scenario: A boat appears as one MQTT device and comes back after a broker restart
    Given a Home Assistant aboard
    And its MQTT broker
    When the captain connects the broker
    Then the broker has the boat as one device, with the states of its papers
    When the broker loses all that it has 3 times
    Then each time the broker has the same again by itself
    When a document of the boat arrives
    Then the device tells of "document.uploaded", once

  Scenario: A sold boat's device disappears
    Given a Home Assistant aboard
    And its MQTT broker
    When the captain connects the broker
    Then the broker has the boat as one device, with the states of its papers
    When the captain sells the boat that is connected and completes the sale
    Then the broker has nothing of the boat
    When the captain disconnects the broker
    Then the broker has nothing at all
