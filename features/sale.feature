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

  @core
  Scenario: The package has its chapters, manifest, signature and offline index
    Given a signed-in captain with a boat
    And the boat has equipment, a warranty and the papers "manual" and "invoice"
    When the captain sells the boat to "buyer@example.org" and generates the package
    Then it has a folder for each of 16 chapters, and each file is in the manifest with its hash
    And its index lists every file, holds the words of the "manual" and needs no network
    And it is signed by the key that the server publishes, and a changed byte is found
    And a second package of the same record has the same bytes

  @core
  Scenario: Status and timeline show each step
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the captain completes the sale
    Then the sale is completed, with a step for its start, its transfer and its end

  Scenario: Withheld papers appear by type and reason, and none of their text or amounts is in the package
    Given a signed-in captain with a boat
    And the boat has 50 papers that are withheld, each with a secret word and an amount
    When the captain sells the boat to "buyer@example.org" and generates the package
    Then the package tells each withheld paper by type and reason
    And none of the secrets is in its bytes

  @core
  Scenario: Transfer mails the buyer, who downloads in a clean client
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message "Fair winds"
    Then within a minute "buyer@example.org" has a mail with "Fair winds" that leads to the page, not to the file
    And the page in a clean client tells the boat, 5 downloads and nothing of the seller
    When the buyer downloads the package
    Then it is whole, as the page's SHA-256 says
    And the captain sees 1 complete download and is told of it once

  Scenario: A cut download resumes and costs one
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the buyer's line breaks in the middle of the download
    Then 5 downloads are left
    When the buyer goes on from there
    Then it is whole, as the page's SHA-256 says
    And 4 downloads are left

  Scenario: The sixth download is refused with a helpful page
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the buyer downloads the package 5 times
    Then the link has ended, and its page in French says "Tous ses téléchargements ont été utilisés."
    When the captain gives the link 1 download more
    And the buyer downloads the package
    Then it is whole, as the page's SHA-256 says

  Scenario: Fifty takers at once get exactly five
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And 50 take the package at once
    Then 5 of them have it whole, and the others were told to wait or that the link has ended
    And the captain sees 5 complete downloads

  Scenario: A preview, a HEAD and a mail scanner cost nothing
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And a scanner opens every link of the mail, and a messenger previews the page
    And a program asks with HEAD, and for the first part of the package
    Then 5 downloads are left

  Scenario: The link ends by time, by revocation and by a new transfer
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the captain transfers the sale to "another@example.org"
    Then the first link has ended, and its page in German says "durch einen neueren Link ersetzt"
    When the captain revokes the link
    Then the link has ended, and its page in Italian says "ritirato da chi l'ha inviato"
    When the captain transfers the sale to "buyer@example.org"
    And 29 days go by
    Then "buyer@example.org" has a mail that reminds of the link
    When 2 days go by
    Then the link has ended, and its page in Spanish says "Su plazo ha terminado."

  Scenario: A buyer's mail that bounces is told to the seller and mended
    Given a captain with mail who sells the boat to "wrong@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the mail to "wrong@example.org" comes back because "550 5.1.1 no such user"
    Then the sale says that the buyer is not reached because "550 5.1.1 no such user", and the captain is told
    When the mail server refuses the next mail for ever
    And the captain transfers the sale to "blocked@example.org"
    Then the sale says that the buyer is not reached because "no such mailbox", and the captain is told
    When the mail server takes the next mail
    And the captain transfers the sale to "buyer@example.org"
    Then within a minute "buyer@example.org" has a mail with "Calypso" that leads to the page, not to the file
    And the sale says that the buyer is reached

  Scenario: Cancelling after transfer ends the link and says what cannot be recalled
    Given a captain with mail who sells the boat to "buyer@example.org" and has its package
    When the captain transfers the sale with the message ""
    And the buyer downloads the package
    Then it is whole, as the page's SHA-256 says
    When the captain calls off the sale that was transferred
    Then the answer tells of 1 download that nothing takes back
    And the link has ended, and its page in English says "The sale was called off."

  Scenario: A document whose sharing nobody decided stops the transfer until it is confirmed as left out
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Survey of May" of type "SUR-PRE"
    When the captain sells it to "buyer@example.org" and has the package built
    Then handing it over is refused, naming "Survey of May"
    When the captain hands it over, leaving out what nobody decided on
    Then "buyer@example.org" has a mail about "papers are ready"

  Scenario: All co-owners approve before transfer
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Manual" of type "MAN-EQ"
    And the boat belongs in halves to "ann@example.org" and "ben@example.org"
    When the captain sells it to "buyer@example.org" and has the package built
    Then handing it over is refused, naming "ann, ben"
    When the captain asks the owners to approve
    And "ann@example.org" looks at the list and approves it
    Then handing it over is refused, naming "ben"
    When "ben@example.org" looks at the list and approves it
    And the captain hands it over
    Then "buyer@example.org" has a mail about "papers are ready"

  Scenario: The buyer accepts and both get the receipt
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Manual" of type "MAN-EQ"
    When the captain sells it to "buyer@example.org" and has the package built
    And the captain hands it over
    And the buyer confirms as "Bo Søndergaard" to have it
    Then the captain has the same receipt of "Bo Søndergaard", and the timeline tells of it

  Scenario: Papers that arrive after the sale go out as a supplement
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Manual" of type "MAN-EQ"
    When the captain sells it to "buyer@example.org" and has the package built
    And the captain hands it over
    And the captain completes it
    And a paper "Late service" of type "SAF-RAFT" arrives
    Then "Late service" waits for the buyer
    When the captain sends what waits
    Then "buyer@example.org" fetches "Late service" by the link of the second mail, and the first link still works

  Scenario: Warranties to re-register become dated tasks
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Beacon" of type "SAF-EPIRB-REG"
    And the boat has the MMSI "227123450" and a transferable warranty of the "Watermaker"
    When the captain sells it to "buyer@example.org" and has the package built
    And the captain hands it over, leaving out what nobody decided on
    And the captain completes it
    Then these are to be done by "2026-05-31": Watermaker, MMSI 227123450, EPIRB
    And both are told of what is to be done, once

  Scenario: The seller's copy is frozen at completion
    Given a captain with mail whose boat has the papers "Raft service" of type "SAF-RAFT" and "Manual" of type "MAN-EQ"
    When the captain sells it to "buyer@example.org" and has the package built
    And the captain hands it over
    And the captain completes it
    Then the boat's record can be read and not be changed
