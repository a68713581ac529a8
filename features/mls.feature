Feature: A boat is offered everywhere as its record says, and what goes wrong is told

  @core
  Scenario: Credentials are checked when a portal is registered
    Given a broker with a boat to sell
    And a YachtWorld that knows the broker's key
    Then YachtWorld with another key is refused with 400
    And YachtWorld at an address that does not answer is refused with 503
    And YachtWorld with the broker's key is connected, and the key is never read back

  @core
  Scenario: A listing is published in the feed, and a price change follows within five minutes
    Given a broker with a boat to sell
    And a portal that fetches the broker's feed
    When the broker publishes the boat for 395000 EUR
    Then the feed offers the boat for 395000 EUR with its picture
    And the boat's status at the portal is "published"
    And fetching it again answers that it is as it was
    When the broker changes the price to 380000 EUR
    Then the feed offers the boat for 380000 EUR with its picture
    And the boat keeps its reference

  @core
  Scenario: The daily run goes on when one portal fails, and reports it
    Given a broker with a boat to sell
    And a partner that takes boats
    And a partner that answers 500 once it is connected
    When the broker publishes the boat for 395000 EUR
    And the daily run is due
    Then the good partner has the boat
    And the boat's status at the failing partner is "failed" after 3 retries
    And the broker is told that the failing partner did not take the boat
    When the failing partner answers again
    And the daily run is due
    Then the boat's status at the failing partner is "published"

  Scenario: A withdrawn boat leaves the feed
    Given a broker with a boat to sell
    And a portal that fetches the broker's feed
    When the broker publishes the boat for 395000 EUR
    Then the feed offers the boat for 395000 EUR with its picture
    When the broker withdraws the boat
    Then the feed offers nothing
    And the picture is at its address no more
    When the broker ends the portal
    Then the feed's address is unknown

  Scenario: Drift against the broker's inventory is shown
    Given a broker with a boat to sell
    And a YachtWorld that knows the broker's key
    And YachtWorld lists the boat for "350000.00 EUR" as "Sale Pending"
    When the broker publishes the boat for 395000 EUR
    And YachtWorld with the broker's key is connected, and the key is never read back
    Then the boat's status at YachtWorld shows that price and status are others there

  Scenario: What only the broker's inventory lists becomes a boat and a draft
    Given a broker with a boat to sell
    And a YachtWorld that knows the broker's key
    And YachtWorld lists another boat for "189000.00 USD"
    And YachtWorld with the broker's key is connected, and the key is never read back
    When the broker imports what YachtWorld lists
    Then the other boat is there once, with its engines, its picture and a draft for 189000 USD
    When the broker imports what YachtWorld lists
    Then the other boat is there once, with its engines, its picture and a draft for 189000 USD

  Scenario: The entry sheet lists fields in portal order
    Given a broker with a boat to sell
    When the broker publishes the boat for 395000 EUR
    Then the entry sheet has in this order: Sales status, Price, City, Make, Model year, Model, Beam, Length overall, Engine 1 make, Hours, Water, Fuel, Heads, Cabins, Description, Photo 1 of 1
    And it says the lengths in metres and in feet
