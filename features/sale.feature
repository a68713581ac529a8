Feature: A boat changes hands

  @core
  Scenario: Starting a sale opens exactly one, and a second is refused with its id
    Given a signed-in captain with a boat
    When the captain begins to sell the boat to "buyer@example.org"
    Then the sale is initiated, and its timeline tells when
    When the captain begins to sell the boat to "another@example.org"
    Then it is refused as a conflict with the id of the sale
    When the captain calls the sale off
    And the captain begins to sell the boat to "another@example.org"
    Then the sale is initiated, and its timeline tells when

  Scenario: Sales are listed, filtered and paged
    Given a signed-in captain with a boat
    And the captain sells 3 more boats, of which 2 were called off
    Then a page of 2 sales begins with the newest and tells that there are 3
    And 2 of them are cancelled, and one is found by its buyer
    And a viewer and a stranger find none

  Scenario: The checklist is ticked by papers and by hand
    Given a signed-in captain with a boat
    When the captain begins to sell the boat to "buyer@example.org"
    And they upload "bill-of-sale" as a paper of type "OWN-BOS" to the boat
    Then the checklist shows "bill-of-sale" done by that paper
    When the captain ticks "no-liens" with the note "sworn today"
    Then the checklist shows "no-liens" done with the note "sworn today"
